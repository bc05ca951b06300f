// Roles as names that other calls refer to. Policies are kept and shown, and evaluated by nobody.
//
// GetRole of a role that was never made answers it all the same, with an empty history, when its name is the caller's own
// (as sts says it): the SageMaker SDK begins every notebook by asking for that one, and nobody could have made it before.
// Any other unknown name is NoSuchEntity, so that scripts of the form "get, else create" do what they mean.

import { createHash } from "node:crypto";
import type {
  AttachRolePolicyCommandInput,
  CreateRoleCommandInput,
  DeleteRoleCommandInput,
  DetachRolePolicyCommandInput,
  GetRolePolicyCommandInput,
  ListRolesCommandInput,
  PutRolePolicyCommandInput,
  SimulatePrincipalPolicyCommandInput,
  UpdateAssumeRolePolicyCommandInput,
} from "@aws-sdk/client-iam";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Resource, Resources } from "../../ports/resources.ts";
import type { Call, Service } from "../../wire/service.ts";

export interface IamOptions {
  clock: Pick<Clock, "now">;
  /** The role that callers appear in, as sts says it. */
  callerRoleName: string;
}

interface StoredRole {
  path: string;
  assumeRolePolicy: string;
  description?: string;
  maxSessionSeconds: number;
  tags: { Key: string; Value: string }[];
  /** Name to document. */
  inlinePolicies: Record<string, string>;
  /** ARNs. */
  attachedPolicies: string[];
}

const kind = "iam-role";
/** AWS's own. */
const defaultPageSize = 100;
const defaultMaxSessionSeconds = 3600;
const maxAttached = 20;

/** Whom AWS's own example role trusts. */
const callerTrust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "sagemaker.amazonaws.com" }, Action: "sts:AssumeRole" }],
});

export function iamService(resources: Resources, { clock, callerRoleName }: IamOptions): Service {
  const startedMs = clock.now();

  function find(name: string): Resource<StoredRole> {
    const known = resources.get<StoredRole>(kind, name);
    if (known !== undefined) return known;
    if (name === callerRoleName) {
      return {
        id: name,
        value: newRole({ AssumeRolePolicyDocument: callerTrust }),
        createdMs: startedMs,
        updatedMs: startedMs,
      };
    }
    throw noSuchRole(name);
  }

  function change(name: string, edit: (role: StoredRole) => StoredRole): void {
    // The caller's own role becomes a stored one with its first change.
    if (name === callerRoleName) resources.create(kind, name, newRole({ AssumeRolePolicyDocument: callerTrust }));
    if (resources.update<StoredRole>(kind, name, edit) === undefined) throw noSuchRole(name);
  }

  return {
    name: "iam",
    handlers: {
      CreateRole: (input: CreateRoleCommandInput, { accountId }: Call) => {
        const name = input.RoleName as string;
        checkPolicy(input.AssumeRolePolicyDocument);
        if (!resources.create(kind, name, newRole(input))) {
          throw new Fault("EntityAlreadyExistsException", `Role with name ${name} already exists.`, { status: 409 });
        }
        return { Role: describe(find(name), accountId) };
      },

      GetRole: ({ RoleName = "" }: { RoleName?: string }, { accountId }: Call) => ({
        Role: describe(find(RoleName), accountId),
      }),

      ListRoles: (
        { PathPrefix = "/", Marker, MaxItems = defaultPageSize }: ListRolesCommandInput,
        { accountId }: Call,
      ) => {
        const after = Marker === undefined ? undefined : Buffer.from(Marker, "base64url").toString();
        const roles = resources
          .list<StoredRole>(kind, { after })
          .filter(({ value }) => value.path.startsWith(PathPrefix));
        const page = roles.slice(0, MaxItems);
        const isTruncated = roles.length > page.length;
        const next = isTruncated ? Buffer.from(page.at(-1)?.id ?? "").toString("base64url") : undefined;
        return { Roles: page.map((role) => describe(role, accountId)), IsTruncated: isTruncated, Marker: next };
      },

      DeleteRole: ({ RoleName = "" }: DeleteRoleCommandInput) => {
        const { value } = find(RoleName);
        if (value.attachedPolicies.length > 0 || Object.keys(value.inlinePolicies).length > 0) {
          throw new Fault("DeleteConflictException", "Cannot delete entity, must detach all policies first.", {
            status: 409,
          });
        }
        resources.delete(kind, RoleName);
        return {};
      },

      UpdateAssumeRolePolicy: ({ RoleName = "", PolicyDocument = "" }: UpdateAssumeRolePolicyCommandInput) => {
        checkPolicy(PolicyDocument);
        change(RoleName, (role) => ({ ...role, assumeRolePolicy: PolicyDocument }));
        return {};
      },

      PutRolePolicy: ({ RoleName = "", PolicyName = "", PolicyDocument = "" }: PutRolePolicyCommandInput) => {
        checkPolicy(PolicyDocument);
        change(RoleName, (role) => ({
          ...role,
          inlinePolicies: { ...role.inlinePolicies, [PolicyName]: PolicyDocument },
        }));
        return {};
      },

      GetRolePolicy: ({ RoleName = "", PolicyName = "" }: GetRolePolicyCommandInput) => {
        const document = find(RoleName).value.inlinePolicies[PolicyName];
        if (document === undefined) throw noSuchPolicy(PolicyName);
        return { RoleName, PolicyName, PolicyDocument: encodeURIComponent(document) };
      },

      ListRolePolicies: ({ RoleName = "" }: { RoleName?: string }) => {
        return { PolicyNames: Object.keys(find(RoleName).value.inlinePolicies), IsTruncated: false };
      },

      DeleteRolePolicy: ({ RoleName = "", PolicyName = "" }: GetRolePolicyCommandInput) => {
        if (!Object.hasOwn(find(RoleName).value.inlinePolicies, PolicyName)) throw noSuchPolicy(PolicyName);
        change(RoleName, (role) => {
          const { [PolicyName]: _removed, ...inlinePolicies } = role.inlinePolicies;
          return { ...role, inlinePolicies };
        });
        return {};
      },

      AttachRolePolicy: ({ RoleName = "", PolicyArn = "" }: AttachRolePolicyCommandInput) => {
        change(RoleName, (role) => {
          const attachedPolicies = [...new Set([...role.attachedPolicies, PolicyArn])];
          if (attachedPolicies.length > maxAttached) {
            throw new Fault("LimitExceededException", `Cannot exceed quota for PoliciesPerRole: ${maxAttached}`, {
              status: 409,
            });
          }
          return { ...role, attachedPolicies };
        });
        return {};
      },

      DetachRolePolicy: ({ RoleName = "", PolicyArn = "" }: DetachRolePolicyCommandInput) => {
        if (!find(RoleName).value.attachedPolicies.includes(PolicyArn)) throw noSuchPolicy(PolicyArn);
        change(RoleName, (role) => ({
          ...role,
          attachedPolicies: role.attachedPolicies.filter((one) => one !== PolicyArn),
        }));
        return {};
      },

      // No policy denies anything here, and this is the operation that says so: the SageMaker SDK asks before it begins.
      SimulatePrincipalPolicy: (input: SimulatePrincipalPolicyCommandInput) => {
        const { PolicySourceArn = "", ActionNames = [], ResourceArns = ["*"] } = input;
        find(PolicySourceArn.split("/").at(-1) ?? "");
        const decisions = ActionNames.flatMap((action) =>
          ResourceArns.map((resource) => ({
            ...{ EvalActionName: action, EvalResourceName: resource, EvalDecision: "allowed" },
            ...{ MatchedStatements: [], MissingContextValues: [] },
          })),
        );
        return { EvaluationResults: decisions, IsTruncated: false };
      },

      ListAttachedRolePolicies: ({ RoleName = "" }: { RoleName?: string }) => {
        const attached = find(RoleName).value.attachedPolicies;
        const policies = attached.map((arn) => ({ PolicyArn: arn, PolicyName: arn.split("/").at(-1) }));
        return { AttachedPolicies: policies, IsTruncated: false };
      },

      ListInstanceProfilesForRole: ({ RoleName = "" }: { RoleName?: string }) => {
        find(RoleName);
        return { InstanceProfiles: [], IsTruncated: false };
      },
    },
  };
}

function newRole(input: Partial<CreateRoleCommandInput>): StoredRole {
  return {
    path: input.Path ?? "/",
    assumeRolePolicy: input.AssumeRolePolicyDocument ?? "",
    ...(input.Description !== undefined && { description: input.Description }),
    maxSessionSeconds: input.MaxSessionDuration ?? defaultMaxSessionSeconds,
    tags: (input.Tags ?? []).map(({ Key = "", Value = "" }) => ({ Key, Value })),
    inlinePolicies: {},
    attachedPolicies: [],
  };
}

function describe({ id, value, createdMs }: Resource<StoredRole>, accountId: string): object {
  return {
    Path: value.path,
    RoleName: id,
    RoleId: roleIdOf(id, createdMs),
    Arn: `arn:aws:iam::${accountId}:role${value.path}${id}`,
    CreateDate: new Date(createdMs),
    AssumeRolePolicyDocument: encodeURIComponent(value.assumeRolePolicy),
    Description: value.description,
    MaxSessionDuration: value.maxSessionSeconds,
    Tags: value.tags.length === 0 ? undefined : value.tags,
  };
}

/** In AWS's form; another role of the same name has another id. */
function roleIdOf(name: string, createdMs: number): string {
  const digest = createHash("sha256").update(`${name} ${createdMs}`).digest();
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  return `AROA${Array.from(digest.subarray(0, 17), (byte) => alphabet.charAt(byte & 31)).join("")}`;
}

function checkPolicy(document: string | undefined): void {
  try {
    JSON.parse(document ?? "");
  } catch (error) {
    throw new Fault("MalformedPolicyDocumentException", `the policy is not JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function noSuchRole(name: string): Fault {
  return new Fault("NoSuchEntityException", `The role with name ${name} cannot be found.`, { status: 404 });
}

function noSuchPolicy(name: string): Fault {
  return new Fault("NoSuchEntityException", `The policy ${name} cannot be found.`, { status: 404 });
}
