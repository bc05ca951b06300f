import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  AttachRolePolicyCommand,
  CreateRoleCommand,
  DeleteRoleCommand,
  GetRoleCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  paginateListRoles,
  SimulatePrincipalPolicyCommand,
} from "@aws-sdk/client-iam";
import { memoryResources } from "../../ports/memory-resources.ts";
import { testClock } from "../../ports/test-clock.ts";
import { createWireServer, type WireServer } from "../../wire/server.ts";
import { iamService } from "./iam-service.ts";

let wire: WireServer;
let client: IAMClient;

before(async () => {
  const clock = testClock();
  const service = iamService(memoryResources(clock), { clock, callerRoleName: "Caller" });
  wire = await createWireServer({ services: [service], port: 0, clock });
  const credentials = { accessKeyId: "any", secretAccessKey: "any" };
  client = new IAMClient({ endpoint: wire.url, region: "us-east-1", credentials });
});

after(() => wire.close());

const trust = '{"Version":"2012-10-17","Statement":[]}';

test("a role that was made is found again, with its trust policy encoded as AWS does", async () => {
  const made = await client.send(
    new CreateRoleCommand({ RoleName: "one", AssumeRolePolicyDocument: trust, Path: "/a/" }),
  );
  assert.equal(made.Role?.Arn, "arn:aws:iam::000000000000:role/a/one");
  const { Role } = await client.send(new GetRoleCommand({ RoleName: "one" }));
  assert.deepEqual(Role, made.Role);
  assert.equal(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? ""), trust);
});

test("the caller's own role is there before anybody made it, and no other", async () => {
  const { Role } = await client.send(new GetRoleCommand({ RoleName: "Caller" }));
  assert.equal(Role?.Arn, "arn:aws:iam::000000000000:role/Caller");
  await assert.rejects(client.send(new GetRoleCommand({ RoleName: "nobody" })), { name: "NoSuchEntityException" });
});

test("a second role of one name, and a policy that is not JSON, are refused", async () => {
  const create = (name: string, policy: string) => {
    return client.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: policy }));
  };
  await create("twice", trust);
  await assert.rejects(create("twice", trust), { name: "EntityAlreadyExistsException" });
  await assert.rejects(create("other", "not json"), { name: "MalformedPolicyDocumentException" });
});

test("attached policies are kept, and hold their role back from being deleted", async () => {
  await client.send(new CreateRoleCommand({ RoleName: "held", AssumeRolePolicyDocument: trust }));
  await client.send(
    new AttachRolePolicyCommand({ RoleName: "held", PolicyArn: "arn:aws:iam::aws:policy/AmazonS3FullAccess" }),
  );
  const { AttachedPolicies } = await client.send(new ListAttachedRolePoliciesCommand({ RoleName: "held" }));
  assert.deepEqual(
    AttachedPolicies?.map(({ PolicyName }) => PolicyName),
    ["AmazonS3FullAccess"],
  );
  await assert.rejects(client.send(new DeleteRoleCommand({ RoleName: "held" })), { name: "DeleteConflictException" });
});

test("roles are listed page by page, each once", async () => {
  for (const name of ["p1", "p2", "p3"]) {
    await client.send(new CreateRoleCommand({ RoleName: name, AssumeRolePolicyDocument: trust, Path: "/paged/" }));
  }
  const names: (string | undefined)[] = [];
  for await (const page of paginateListRoles({ client, pageSize: 2 }, { PathPrefix: "/paged/" })) {
    names.push(...(page.Roles ?? []).map(({ RoleName }) => RoleName));
  }
  assert.deepEqual(names, ["p1", "p2", "p3"]);
});

test("whoever asks what a role may do hears that nothing is denied here, and of an unknown role that there is none", async () => {
  const ask = (name: string) =>
    client.send(
      new SimulatePrincipalPolicyCommand({
        PolicySourceArn: `arn:aws:iam::000000000000:role/${name}`,
        ActionNames: ["sagemaker:CreateTrainingJob", "logs:CreateLogGroup"],
      }),
    );
  const { EvaluationResults } = await ask("Caller");
  assert.deepEqual(
    EvaluationResults?.map(({ EvalActionName, EvalDecision }) => [EvalActionName, EvalDecision]),
    [
      ["sagemaker:CreateTrainingJob", "allowed"],
      ["logs:CreateLogGroup", "allowed"],
    ],
  );
  await assert.rejects(ask("nobody"), { name: "NoSuchEntityException" });
});
