// Programs that know nothing of Scones reach it, keys are checked where they are configured, and everything ends when it is told to.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { CreateBucketCommand, ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import {
  CreateNotebookInstanceCommand,
  DescribeTrainingJobCommand,
  ListTrainingJobsCommand,
  SageMakerClient,
} from "@aws-sdk/client-sagemaker";
import { createFunction, invoke } from "./functions.ts";
import { stripedFolder } from "./pictures.ts";
import { program, runProgram, type Server, startServer } from "./server.ts";

const python = "/usr/bin/python3";
const awsCli = "/usr/bin/aws";
const hasBoto3 = existsSync("/usr/lib/python3/dist-packages/boto3");

describe("programs that are not configured for Scones", () => {
  let server: Server;
  before(async () => {
    server = await startServer();
    await new S3Client({ ...server.aws, forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: "found" }));
  });
  after(() => server?.stop());

  // What somebody who also works with AWS has set: none of it may lead the program there.
  const env = {
    AWS_PROFILE: "work",
    AWS_ENDPOINT_URL_S3: "http://127.0.0.1:1",
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true",
    AWS_REGION: "us-east-1",
  };
  const run = (...command: string[]) =>
    runProgram(process.execPath, [program, "run", "--endpoint", server.url, "--", ...command], { env });

  test("the AWS CLI lists our buckets", { skip: !existsSync(awsCli) && "awscli is not installed" }, async () => {
    const ran = await run(awsCli, "s3", "ls");
    assert.equal(ran.exitCode, 0, ran.stderr);
    assert.match(ran.stdout, / found$/m);
  });

  test("boto3 without any endpoint setting lists our buckets", {
    skip: !hasBoto3 && "python3-boto3 is not installed",
  }, async () => {
    const script = `import boto3; print([b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]])`;
    const ran = await run(python, "-c", script);
    assert.equal(ran.exitCode, 0, ran.stderr);
    assert.equal(ran.stdout, "['found']\n");
  });

  test("an operation that Scones does not have is refused by name, in the client's own form", async () => {
    const sagemaker = new SageMakerClient({ ...server.aws, maxAttempts: 1 });
    const command = new CreateNotebookInstanceCommand({
      NotebookInstanceName: "a",
      InstanceType: "ml.t3.medium",
      RoleArn: "arn:aws:iam::000000000000:role/test",
    });
    await assert.rejects(sagemaker.send(command), /CreateNotebookInstance; COMPATIBILITY\.md lists/);
  });
});

describe("a server with keys", () => {
  const credentials = { accessKeyId: "AKIASCONESTEST000001", secretAccessKey: "a-secret-that-is-configured" };
  let server: Server;
  before(async () => {
    server = await startServer(undefined, {
      SCONES_ACCESS_KEY_ID: credentials.accessKeyId,
      SCONES_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    });
  });
  after(() => server?.stop());

  const listBuckets = (keys: typeof credentials) =>
    new S3Client({ ...server.aws, credentials: keys, forcePathStyle: true }).send(new ListBucketsCommand({}));

  test("the right secret is let in", async () => {
    assert.deepEqual((await listBuckets(credentials)).Buckets ?? [], []);
  });

  test("a wrong secret is refused as AWS does", () =>
    assert.rejects(listBuckets({ ...credentials, secretAccessKey: "another" }), { name: "SignatureDoesNotMatch" }));

  test("an unknown key is refused as AWS does", () =>
    assert.rejects(listBuckets({ ...credentials, accessKeyId: "AKIASCONESTEST000002" }), {
      name: "InvalidAccessKeyId",
    }));

  test("the command line takes the same keys from the environment", async () => {
    const ran = await runProgram(process.execPath, [program, "graph", "None", "--endpoint", server.url], {
      env: { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey },
    });
    assert.match(ran.stderr, /^scones: StateMachineDoesNotExist: /);
  });

  test("functions reach the server with its keys", async () => {
    const lambda = new LambdaClient({ ...server.aws, credentials });
    const source = `import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
export const handler = async () => ({ account: (await new STSClient().send(new GetCallerIdentityCommand())).Account });`;
    await createFunction(lambda, { name: "who-am-i", runtime: "nodejs20.x", file: "index.mjs", source });
    assert.deepEqual(await invoke(lambda, "who-am-i"), { account: "000000000000" });
  });
});

describe("the end", () => {
  const folder = mkdtempSync(join(tmpdir(), "scones-end-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("Ctrl-C on train stops the job; SIGTERM ends the server and every process it started", {
    skip: !existsSync("/proc/self/stat") && "processes are counted in /proc",
  }, async () => {
    const server = await startServer();
    const sagemaker = new SageMakerClient(server.aws);
    const atServer = ["--endpoint", server.url];
    const pictures = stripedFolder(join(folder, "pictures"), { train: 40, test: 5, cutOffOfEach: 0 });
    const staged = await runProgram(process.execPath, [program, "stage", ...atServer, "--data", pictures]);
    assert.equal(staged.exitCode, 0, staged.stderr);

    const training = spawn(process.execPath, [program, "train", ...atServer, "--epochs", "10000"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const said = text(training.stderr);
    const name = await runningJob(sagemaker);
    await untilWorking(server.processId);
    training.kill("SIGINT");
    const [exitCode] = (await once(training, "exit")) as [number | null];
    assert.equal(exitCode, 130);
    assert.match(await said, /train interrupted after/);
    assert.equal(await statusAfterStopping(sagemaker, name), "Stopped");

    const lambda = new LambdaClient(server.aws);
    const source = "export const handler = async () => ({ processId: process.pid });";
    await createFunction(lambda, { name: "stays", runtime: "nodejs20.x", file: "index.mjs", source });
    await invoke(lambda, "stays");
    const started = descendants(server.processId);
    assert.ok(started.length > 0, "the function has a process");
    await server.stop();
    assert.deepEqual(started.filter(isAlive), []);
  });
});

async function runningJob(sagemaker: SageMakerClient): Promise<string> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const { TrainingJobSummaries: jobs = [] } = await sagemaker.send(new ListTrainingJobsCommand({}));
    const name = jobs[0]?.TrainingJobName;
    if (name !== undefined) return name;
    await sleep(50);
  }
  throw new Error("no training job began");
}

async function statusAfterStopping(sagemaker: SageMakerClient, name: string): Promise<string | undefined> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const { TrainingJobStatus: status } = await sagemaker.send(
      new DescribeTrainingJobCommand({ TrainingJobName: name }),
    );
    if (status !== "InProgress" && status !== "Stopping") return status;
    await sleep(100);
  }
  throw new Error(`${name} did not stop`);
}

async function untilWorking(processId: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (descendants(processId).length > 0) return;
    await sleep(50);
  }
  throw new Error("the training process did not start");
}

/** The processes that a process started, and those that they started. */
function descendants(processId: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(join("/proc", entry, "stat"), "utf8");
      parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // ended while we looked
    }
  }
  const children = (parent: number): number[] =>
    [...parents].filter(([, its]) => its === parent).flatMap(([child]) => [child, ...children(child)]);
  return children(processId);
}

function isAlive(processId: number): boolean {
  try {
    const stat = readFileSync(join("/proc", String(processId), "stat"), "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2)[0] !== "Z";
  } catch {
    return false;
  }
}
