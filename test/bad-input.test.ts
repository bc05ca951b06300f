// What goes in broken: each kind gets a clear error, and leaves nothing half-made behind.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once, setMaxListeners } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CloudWatchLogsClient, DescribeLogStreamsCommand, GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { GetFunctionCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DescribeTrainingJobCommand, ListTrainingJobsCommand, SageMakerClient } from "@aws-sdk/client-sagemaker";
import { InvokeEndpointCommand, SageMakerRuntimeClient } from "@aws-sdk/client-sagemaker-runtime";
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { createFunction, invoke } from "./functions.ts";
import { cutOff, stripedFolder, stripes } from "./pictures.ts";
import { program, projectFolder, runProgram, type Server, startServer } from "./server.ts";

const sharedFolder = process.env["SCONES_SHARED"] ?? join(projectFolder, "..", "shared");
const cutOffArchive = join(sharedFolder, "data", "cifar-100-partial", "cifar-100-python.tar.gz");
const bucket = "sagemaker-us-east-1-000000000000";
const chain = "arn:aws:states:us-east-1:000000000000:stateMachine:SconesUnlimited";
/** The queue of an endpoint holds 1,024, and its workers some more. */
const callersOfFullQueue = 1_200;
const endpointName = "scones-unlimited";

describe("bad input", () => {
  const folder = mkdtempSync(join(tmpdir(), "scones-bad-input-"));
  let server: Server;
  let s3: S3Client;
  let sagemaker: SageMakerClient;
  let runtime: SageMakerRuntimeClient;

  before(async () => {
    server = await startServer();
    s3 = new S3Client({ ...server.aws, forcePathStyle: true });
    sagemaker = new SageMakerClient(server.aws);
    runtime = new SageMakerRuntimeClient({ ...server.aws, maxAttempts: 1 });
    const pictures = stripedFolder(join(folder, "good"), { train: 40, test: 5, cutOffOfEach: 1 });
    await succeeds("stage", "--data", pictures);
    await succeeds("train", "--preset", "fast", "--epochs", "2");
    await succeeds("deploy", "--threshold", "0.1");
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function scones(command: string, ...args: string[]) {
    return runProgram(process.execPath, [program, command, "--endpoint", server.url, ...args]);
  }

  async function succeeds(command: string, ...args: string[]): Promise<void> {
    const ran = await scones(command, ...args);
    assert.equal(ran.exitCode, 0, ran.stderr);
  }

  async function keysBelow(prefix: string): Promise<string[]> {
    const listed = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}/` }));
    return (listed.Contents ?? []).map((object) => object.Key ?? "");
  }

  /** Stages below a prefix of its own: it must fail in one sentence, and put nothing there. */
  async function refusesToStage(prefix: string, message: RegExp, ...args: string[]): Promise<void> {
    const ran = await scones("stage", "--prefix", prefix, ...args);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.stderr, message);
    assert.doesNotMatch(ran.stderr, /\n {4}at /);
    assert.deepEqual(await keysBelow(prefix), []);
  }

  test(
    "an archive that is cut off is refused by its name, and nothing of it is staged",
    {
      skip: !existsSync(cutOffArchive) && `there is no ${cutOffArchive}`,
    },
    () =>
      refusesToStage(
        "cut-off",
        /cifar-100-python\.tar\.gz is cut off or damaged \(it ends in the middle\)/,
        "--data",
        cutOffArchive,
      ),
  );

  test("a file that is no archive at all is refused by its name", async () => {
    const file = join(folder, "archive.tar.gz");
    writeFileSync(file, "not an archive");
    await refusesToStage("no-archive", /archive\.tar\.gz is cut off or damaged/, "--data", file);
  });

  test("a class that cannot be drawn is refused with those that can", () =>
    refusesToStage(
      "unicorn",
      /no vehicle "unicorn" can be drawn; there are: bicycle, /,
      "--data",
      "drawn",
      "--classes",
      "bicycle,unicorn",
    ));

  test("a list that names a missing picture is refused by line and file", async () => {
    const listed = join(folder, "listed");
    mkdirSync(join(listed, "train"), { recursive: true });
    writeFileSync(join(listed, "train", "here.png"), stripes("level", 1));
    writeFileSync(join(listed, "train.lst"), "0\t0\there.png\n1\t1\tgone.png\n");
    writeFileSync(join(listed, "test.lst"), "0\t0\there.png\n");
    await refusesToStage("listed", /train\.lst line 2 names gone\.png, which is not in /, "--data", listed);
  });

  test("an empty folder is refused with what was expected in it", async () => {
    const empty = join(folder, "empty");
    mkdirSync(empty);
    await refusesToStage("empty", /empty has neither a train\.lst nor a folder of pictures per class/, "--data", empty);
  });

  test("training goes on without a few damaged pictures, and its log names them", async () => {
    const log = await logOf(await latestJob());
    const warning = log.find((line) => line.includes("cannot be read"));
    assert.match(warning ?? "", /2 of 80 pictures of channel "train" cannot be read: .*level-0\.png.*upright-0\.png/);
    assert.match(warning ?? "", /They are skipped/);
  });

  test("training fails when too many pictures are damaged, and leaves no model", async () => {
    const pictures = stripedFolder(join(folder, "damaged"), { train: 20, test: 2, cutOffOfEach: 8 });
    await succeeds("stage", "--prefix", "damaged", "--data", pictures);
    const ran = await scones("train", "--prefix", "damaged", "--preset", "fast", "--epochs", "2");
    assert.equal(ran.exitCode, 1);
    assert.match(ran.stderr, /failed: ClientError: .*16 of 40 pictures/);
    assert.doesNotMatch(ran.stderr, /\n {4}at /);
    const job = await sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName: await latestJob() }));
    assert.equal(job.TrainingJobStatus, "Failed");
    assert.match(job.FailureReason ?? "", /16 of 40 pictures/);
    assert.deepEqual(
      (await keysBelow("damaged")).filter((key) => key.includes("model.tar.gz")),
      [],
    );
  });

  test("the endpoint refuses a damaged picture as AWS does, and goes on serving", async () => {
    const invoke = (body: Buffer) =>
      runtime.send(new InvokeEndpointCommand({ EndpointName: endpointName, ContentType: "image/png", Body: body }));
    await assert.rejects(invoke(cutOff(stripes("level", 3))), (error: Error & Record<string, unknown>) => {
      assert.equal(error.name, "ModelError");
      assert.equal((error["$metadata"] as { httpStatusCode: number }).httpStatusCode, 424);
      assert.equal(error["OriginalStatusCode"], 400);
      return true;
    });
    const answer = await invoke(stripes("level", 3));
    const probabilities = JSON.parse(Buffer.from(answer.Body ?? []).toString()) as number[];
    assert.equal(probabilities.length, 2);
  });

  test("a full queue turns callers away at once, and the endpoint answers when it is empty again", async () => {
    const patient = new SageMakerRuntimeClient({
      ...server.aws,
      maxAttempts: 1,
      requestHandler: { httpAgent: { maxSockets: 2 * callersOfFullQueue }, socketAcquisitionWarningTimeout: 60_000 },
    });
    const slow = stripes("level", 6, { side: 2_500 }); // some tens of milliseconds of decoding
    const leaving = new AbortController();
    setMaxListeners(0, leaving.signal);
    const refusals: (Error & { $metadata?: { httpStatusCode?: number } })[] = [];
    const command = { EndpointName: endpointName, ContentType: "image/png", Body: slow };
    const calls = Array.from({ length: callersOfFullQueue }, () =>
      patient.send(new InvokeEndpointCommand(command), { abortSignal: leaving.signal }).catch((error: Error) => {
        if (error.name !== "AbortError") refusals.push(error);
        if (refusals.length === 3) leaving.abort();
      }),
    );
    await Promise.all(calls);
    assert.ok(refusals.length >= 3, "the queue was never full");
    for (const refusal of refusals.slice(0, 3)) {
      assert.equal(refusal.name, "ServiceUnavailable");
      assert.equal(refusal.$metadata?.httpStatusCode, 503);
    }
    patient.destroy();
    const answer = await runtime.send(new InvokeEndpointCommand({ ...command, Body: stripes("level", 6) }));
    assert.ok(answer.Body);
  });

  test("classify names the picture that the model could not read", async () => {
    const file = join(folder, "torn.png");
    writeFileSync(file, cutOff(stripes("upright", 4)));
    const ran = await scones("classify", file);
    assert.equal(ran.exitCode, 1);
    assert.match(ran.stderr, /^scones: ModelError: .*torn\.png: /);
  });

  test("an execution fails on a damaged picture, and says why", async () => {
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: "torn.png", Body: cutOff(stripes("level", 5)) }));
    const execution = await execute("torn.png");
    assert.equal(execution.status, "FAILED");
    assert.equal(execution.error, "ModelError");
    assert.match(execution.cause ?? "", /unable to evaluate payload/);
  });

  test("an execution fails on a picture that is not there, and says why", async () => {
    const execution = await execute("gone.png");
    assert.equal(execution.status, "FAILED");
    assert.equal(execution.error, "NoSuchKey");
    assert.match(execution.cause ?? "", /The specified key does not exist/);
  });

  test("a simulation counts its outcomes by their errors", async () => {
    const ran = await scones("simulate", "--burst", "6", "--corrupt", "1", "--json");
    assert.equal(ran.exitCode, 0, ran.stderr);
    const { outcomes } = JSON.parse(ran.stdout) as { outcomes: Record<string, number> };
    assert.ok((outcomes["FAILED (ModelError)"] ?? 0) > 0, JSON.stringify(outcomes));
  });

  test("Ctrl-C on a simulation is no error of what was under way", async () => {
    const simulation = spawn(
      process.execPath,
      [program, "simulate", "--endpoint", server.url, "--rate", "20", "--duration", "60", "--json"],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const output = text(simulation.stdout);
    await once(simulation.stderr, "data"); // it has begun
    simulation.stderr.resume();
    await sleep(1_000);
    simulation.kill("SIGINT");
    const [exitCode] = (await once(simulation, "exit")) as [number | null];
    assert.equal(exitCode, 130);
    const { errors, outcomes } = JSON.parse(await output) as { errors: unknown[]; outcomes: Record<string, number> };
    assert.deepEqual(errors, []);
    assert.ok(Object.keys(outcomes).length > 0);
  });

  async function execute(key: string) {
    const sfn = new SFNClient(server.aws);
    const input = JSON.stringify({ image_data: "", s3_bucket: bucket, s3_key: key, inferences: [] });
    const { executionArn } = await sfn.send(new StartExecutionCommand({ stateMachineArn: chain, input }));
    for (let attempt = 0; attempt < 300; attempt++) {
      const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      if (execution.status !== "RUNNING") return execution;
      await sleep(50);
    }
    throw new Error(`${executionArn} did not end`);
  }

  async function latestJob(): Promise<string> {
    const jobs = await sagemaker.send(
      new ListTrainingJobsCommand({ SortBy: "CreationTime", SortOrder: "Descending", MaxResults: 1 }),
    );
    return jobs.TrainingJobSummaries?.[0]?.TrainingJobName ?? "";
  }

  async function logOf(job: string): Promise<string[]> {
    const logs = new CloudWatchLogsClient(server.aws);
    const logGroupName = "/aws/sagemaker/TrainingJobs";
    const { logStreams } = await logs.send(
      new DescribeLogStreamsCommand({ logGroupName, logStreamNamePrefix: `${job}/` }),
    );
    const page = await logs.send(
      new GetLogEventsCommand({ logGroupName, logStreamName: logStreams?.[0]?.logStreamName, startFromHead: true }),
    );
    return (page.events ?? []).map((event) => event.message ?? "");
  }
});

describe("a machine without Python", () => {
  const emptyPath = mkdtempSync(join(tmpdir(), "scones-no-python-"));
  let server: Server;
  before(async () => {
    server = await startServer(undefined, { PATH: emptyPath });
  });
  after(async () => {
    await server?.stop();
    rmSync(emptyPath, { recursive: true, force: true });
  });

  test("a Python function is refused with what to install, and is not there afterwards", async () => {
    const lambda = new LambdaClient(server.aws);
    const source = "def handler(event, context):\n    return {}\n";
    const made = createFunction(lambda, { name: "snake", runtime: "python3.12", file: "index.py", source });
    await assert.rejects(made, (error: Error) => {
      assert.equal(error.name, "InvalidParameterValueException");
      assert.match(error.message, /python3\.12 needs Python 3\.\d+ or newer, .*Install python3 with boto3/s);
      return true;
    });
    await assert.rejects(lambda.send(new GetFunctionCommand({ FunctionName: "snake" })), {
      name: "ResourceNotFoundException",
    });
  });

  test("JavaScript functions work all the same", async () => {
    const lambda = new LambdaClient(server.aws);
    const source = "export const handler = async () => ({ well: true });";
    await createFunction(lambda, { name: "well", runtime: "nodejs20.x", file: "index.mjs", source });
    assert.deepEqual(await invoke(lambda, "well"), { well: true });
  });
});
