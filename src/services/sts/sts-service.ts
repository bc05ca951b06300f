// Who the caller is. There is one account and no policies: everybody is the same role, because the SageMaker SDK takes its
// execution role from the caller's identity and wants to find `assumed-role/<role>/<session>` there.
import type { AssumeRoleCommandInput, GetAccessKeyInfoCommandInput } from "@aws-sdk/client-sts";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Call, Service } from "../../wire/service.ts";
import { issueTemporaryKey } from "../../wire/temporary-keys.ts";

export interface StsOptions {
  clock: Pick<Clock, "now" | "random">;
  /** The role that callers appear in; IAM knows it from the start. */
  roleName?: string;
  /** The secret of the first configured key, from which temporary ones follow; any will do where none is configured. */
  secretAccessKey?: string;
}

/** What SageMaker's own console calls the role that it makes, apart from its date. */
export const defaultRoleName = "SconesExecutionRole";
const sessionName = "scones";
const defaultDurationSeconds = 3600;
/** A session token is checked by nobody, but clients refuse credentials of limited time without one. */
const sessionToken = "scones-temporary";

export function stsService({ clock, roleName = defaultRoleName, secretAccessKey = "scones" }: StsOptions): Service {
  const identify = (role: string, session: string, accountId: string) => ({
    AssumedRoleId: `${roleId(role)}:${session}`,
    Arn: `arn:aws:sts::${accountId}:assumed-role/${role}/${session}`,
  });

  function issue(seconds: number) {
    const expiryMs = clock.now() + seconds * 1000;
    const key = issueTemporaryKey(secretAccessKey, expiryMs, () => clock.random());
    return {
      AccessKeyId: key.accessKeyId,
      SecretAccessKey: key.secretAccessKey,
      SessionToken: sessionToken,
      Expiration: new Date(expiryMs),
    };
  }

  return {
    name: "sts",
    handlers: {
      GetCallerIdentity: (_input: object, { accountId }: Call) => {
        const { AssumedRoleId, Arn } = identify(roleName, sessionName, accountId);
        return { UserId: AssumedRoleId, Account: accountId, Arn };
      },

      AssumeRole: (input: AssumeRoleCommandInput, { accountId }: Call) => {
        const { RoleArn = "", RoleSessionName = "", DurationSeconds = defaultDurationSeconds } = input;
        const role = /^arn:aws[a-z-]*:iam::\d{12}:role\/(?:.+\/)?([^/]+)$/.exec(RoleArn)?.[1];
        if (role === undefined) {
          throw new Fault(
            "ValidationError",
            `"${RoleArn}" is not the ARN of a role: arn:aws:iam::${accountId}:role/<name>`,
          );
        }
        return { AssumedRoleUser: identify(role, RoleSessionName, accountId), Credentials: issue(DurationSeconds) };
      },

      GetSessionToken: ({ DurationSeconds }: { DurationSeconds?: number }) => {
        return { Credentials: issue(DurationSeconds ?? defaultDurationSeconds) };
      },

      GetAccessKeyInfo: (_input: GetAccessKeyInfoCommandInput, { accountId }: Call) => ({ Account: accountId }),
    },
  };
}

/** The same name always has the same id, in AWS's form. */
export function roleId(role: string): string {
  const digits = Buffer.from(role)
    .toString("hex")
    .toUpperCase()
    .replace(/[0189]/g, "X");
  return `AROA${digits.slice(0, 17).padEnd(17, "A")}`;
}
