import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { createWireServer, type WireServer } from "../../wire/server.ts";
import { stsService } from "./sts-service.ts";

const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a secret" };
let wire: WireServer;

before(async () => {
  // The clients sign by the real time.
  const clock = { now: () => Date.now(), uuid: () => crypto.randomUUID(), random: Math.random };
  const service = stsService({ clock, roleName: "Notebook", secretAccessKey: credentials.secretAccessKey });
  wire = await createWireServer({
    services: [service],
    port: 0,
    clock,
    credentials: [credentials],
    accountId: "123456789012",
  });
});

after(() => wire.close());

function client(from = credentials): STSClient {
  return new STSClient({ endpoint: wire.url, region: "us-east-1", credentials: from });
}

test("the caller is an assumed role, as the SageMaker SDK needs it", async () => {
  const { Account, Arn } = await client().send(new GetCallerIdentityCommand({}));
  assert.equal(Account, "123456789012");
  assert.equal(Arn, "arn:aws:sts::123456789012:assumed-role/Notebook/scones");
});

test("the keys of an assumed role sign later calls", async () => {
  const assumed = await client().send(
    new AssumeRoleCommand({ RoleArn: "arn:aws:iam::123456789012:role/path/Worker", RoleSessionName: "session" }),
  );
  assert.equal(assumed.AssumedRoleUser?.Arn, "arn:aws:sts::123456789012:assumed-role/Worker/session");
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = assumed.Credentials ?? {};
  const temporary = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
  const { Account } = await client(temporary).send(new GetCallerIdentityCommand({}));
  assert.equal(Account, "123456789012");
});

test("what is not the ARN of a role is refused", async () => {
  const call = client().send(
    new AssumeRoleCommand({ RoleArn: "arn:aws:iam::123456789012:user/u", RoleSessionName: "session" }),
  );
  await assert.rejects(call, { name: "ValidationError" });
});
