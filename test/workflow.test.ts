// The workflow as an ML engineer drives it, on the drawn data set: command line, then SDK, boto3 and the AWS CLI on what it deployed.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { program, runProgram, type Server, startServer } from "./server.ts";

interface Summary {
  dataSet: { bucket: string; classes: string[]; counts: { train: Record<string, number> } };
  training: { heldOutAccuracy: number; curve: unknown[] };
  workflow: { chainArn: string; fanOutArn: string };
  executions: { image: string; status: string; error?: string; confidence: number; executionArn: string }[];
  fanOut: { status: string; images: number; accepted: number; rejected: number };
  notifications: { messages: { message: string }[] };
  captures: { uri: string; records: number };
  pictures: { training: string[]; captures: string[]; graphs: string[] };
}

interface Replayed {
  planned: number;
  outcomes: Record<string, number>;
  sameAnswers: number;
  changedAnswers: { captured: string; answered: string }[];
}

const python = "/usr/bin/python3";
const awsCli = "/usr/bin/aws";

describe("the whole workflow", () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "scones-demo-"));
  let summary: Summary;
  let server: Server;

  before(async () => {
    const demo = await runProgram(process.execPath, [
      program,
      "demo",
      "--exit",
      "--json",
      "--data",
      "drawn",
      "--preset",
      "fast",
      "--port",
      "0",
      "--data-dir",
      dataDirectory,
    ]);
    assert.equal(demo.exitCode, 0, demo.stderr);
    summary = JSON.parse(demo.stdout) as Summary;
    server = await startServer(dataDirectory);
  });

  after(async () => {
    await server?.stop();
    rmSync(dataDirectory, { recursive: true, force: true });
  });

  test("the classifier learned something it was not shown", () => {
    assert.ok(summary.training.heldOutAccuracy > 0.7, `held-out accuracy ${summary.training.heldOutAccuracy}`);
  });

  test("images pass or fail by the confidence of the model", () => {
    const passed = summary.executions.filter((execution) => execution.status === "SUCCEEDED");
    const failed = summary.executions.filter((execution) => execution.status === "FAILED");
    assert.ok(passed.length > 0 && passed.every((execution) => execution.confidence >= 0.93));
    assert.ok(failed.length > 0 && failed.every((execution) => execution.confidence < 0.93));
    assert.ok(failed.every((execution) => execution.error === "THRESHOLD_CONFIDENCE_NOT_MET"));
  });

  test("the fan-out accounts for every image", () => {
    assert.equal(summary.fanOut.status, "SUCCEEDED");
    assert.equal(summary.fanOut.accepted + summary.fanOut.rejected, summary.fanOut.images);
  });

  test("every failed execution was announced", () => {
    const failed = summary.executions.filter((execution) => execution.status === "FAILED").length;
    assert.ok(summary.notifications.messages.length >= failed);
  });

  test("every picture that the summary names exists", () => {
    const files = [...summary.pictures.training, ...summary.pictures.captures, ...summary.pictures.graphs];
    assert.ok(files.length >= 8, `${files.length} pictures`);
    assert.deepEqual(
      files.filter((file) => !existsSync(file)),
      [],
    );
  });

  test("after a restart the endpoint answers again and the history of an execution is still there", async () => {
    const failed = summary.executions.find((execution) => execution.status === "FAILED");
    const sfn = new SFNClient(server.aws);
    const history = await sfn.send(new GetExecutionHistoryCommand({ executionArn: failed?.executionArn }));
    const types = history.events?.map((event) => event.type);
    assert.deepEqual(types?.slice(0, 7), [
      "ExecutionStarted",
      "TaskStateEntered",
      "TaskScheduled",
      "TaskStarted",
      "TaskSucceeded",
      "TaskStateExited",
      "TaskStateEntered",
    ]);
    assert.deepEqual(types?.slice(-2), ["TaskFailed", "ExecutionFailed"]);
    const again = await sfn.send(
      new StartExecutionCommand({
        stateMachineArn: summary.workflow.chainArn,
        input: inputOf(summary.executions[0]?.image),
      }),
    );
    assert.equal(await endOf(sfn, again.executionArn ?? ""), "SUCCEEDED");
  });

  test("replayed captures get the answers they got, and an answer that is another one is shown", async () => {
    const replay = (...more: string[]) =>
      runProgram(process.execPath, [program, "replay", "--endpoint", server.url, "--json", ...more]);
    const all = await replay("--speed", "1000");
    assert.equal(all.exitCode, 0, all.stderr);
    const { planned, outcomes, sameAnswers, changedAnswers } = JSON.parse(all.stdout) as Replayed;
    assert.ok(planned >= summary.captures.records, `${planned} of ${summary.captures.records}`);
    assert.deepEqual([outcomes, sameAnswers, changedAnswers], [{ answered: planned }, planned, []]);

    const folder = mkdtempSync(join(tmpdir(), "scones-replay-"));
    writeFileSync(join(folder, "one.jsonl"), withAnswersSwapped(await captureLine()));
    const one = await replay("--capture", folder, "--rate", "10");
    rmSync(folder, { recursive: true });
    assert.equal(one.exitCode, 0, one.stderr);
    const [change] = (JSON.parse(one.stdout) as Replayed).changedAnswers;
    const classes = [change?.captured, change?.answered].map((text) => text?.split(" ")[0]);
    assert.deepEqual(classes.sort(), summary.dataSet.classes.toSorted());
  });

  test("boto3 starts the state machine and sees the same outcome", {
    skip: !existsSync(python) && "python3-boto3 is not installed",
  }, async () => {
    const script = `
import boto3, json, sys, time
sfn = boto3.client("stepfunctions", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
arn = sfn.start_execution(stateMachineArn=sys.argv[2], input=sys.argv[3])["executionArn"]
while True:
    execution = sfn.describe_execution(executionArn=arn)
    if execution["status"] != "RUNNING": break
    time.sleep(0.1)
print(json.dumps({"status": execution["status"], "types": [e["type"] for e in sfn.get_execution_history(executionArn=arn)["events"]]}))
`;
    const failed = summary.executions.find((execution) => execution.status === "FAILED");
    const ran = await runProgram(python, ["-c", script, server.url, summary.workflow.chainArn, inputOf(failed?.image)]);
    assert.equal(ran.exitCode, 0, ran.stderr);
    const answer = JSON.parse(ran.stdout) as { status: string; types: string[] };
    assert.equal(answer.status, "FAILED");
    assert.equal(answer.types.at(-1), "ExecutionFailed");
  });

  test("the AWS CLI starts the state machine and sees the same outcome", {
    skip: !existsSync(awsCli) && "awscli is not installed",
  }, async () => {
    const env = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_DEFAULT_REGION: "us-east-1" };
    const aws = (...args: string[]) =>
      runProgram(awsCli, ["--endpoint-url", server.url, "--output", "json", "stepfunctions", ...args], { env });
    const started = await aws(
      "start-execution",
      "--state-machine-arn",
      summary.workflow.chainArn,
      "--input",
      inputOf(summary.executions[0]?.image),
    );
    assert.equal(started.exitCode, 0, started.stderr);
    const { executionArn } = JSON.parse(started.stdout) as { executionArn: string };
    await endOf(new SFNClient(server.aws), executionArn);
    const described = await aws("describe-execution", "--execution-arn", executionArn);
    assert.equal((JSON.parse(described.stdout) as { status: string }).status, "SUCCEEDED");
  });

  test("a fan-out that is killed in the middle ends after a restart, and no completed item runs twice", async () => {
    const sfn = new SFNClient({ ...server.aws, maxAttempts: 10 });
    const definition = JSON.stringify({
      StartAt: "Each",
      States: {
        Each: {
          Type: "Map",
          MaxConcurrency: 4,
          ItemProcessor: {
            StartAt: "Serialize",
            States: {
              Serialize: {
                Type: "Task",
                Resource: "arn:aws:states:::lambda:invoke",
                Parameters: { FunctionName: "serialize-image-data", "Payload.$": "$" },
                ResultPath: null,
                End: true,
              },
            },
          },
          End: true,
        },
      },
    });
    const machine = await sfn.send(
      new CreateStateMachineCommand({ name: "Killed", definition, roleArn: "arn:aws:iam::000000000000:role/test" }),
    );
    const keys = summary.executions.map((execution) => execution.image);
    const items = Array.from({ length: 120 }, (_, i) => ({
      image_data: "",
      s3_bucket: summary.dataSet.bucket,
      s3_key: keys[i % keys.length],
      inferences: [],
      item: i,
    }));
    const started = await sfn.send(
      new StartExecutionCommand({ stateMachineArn: machine.stateMachineArn, input: JSON.stringify(items) }),
    );
    await untilEvents(sfn, started.executionArn ?? "", 100);
    await server.killAndStartAgain();
    assert.equal(await endOf(sfn, started.executionArn ?? ""), "SUCCEEDED");
    const events = await allEvents(sfn, started.executionArn ?? "");
    assert.deepEqual(
      events.map((event) => event.id),
      events.map((_, i) => i + 1),
    );
    assert.equal(events.filter((event) => event.type === "TaskSucceeded").length, items.length);
    assert.equal(events.filter((event) => event.type === "MapIterationSucceeded").length, items.length);
  });

  /** One line of one capture file. */
  async function captureLine(): Promise<string> {
    const s3 = new S3Client({ ...server.aws, forcePathStyle: true });
    const [, Bucket, Prefix] = /^s3:\/\/([^/]+)\/(.*)$/.exec(summary.captures.uri) ?? [];
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: Contents?.[0]?.Key }));
    return ((await Body?.transformToString()) ?? "").split("\n")[0] as string;
  }

  function inputOf(key: string | undefined): string {
    return JSON.stringify({ image_data: "", s3_bucket: summary.dataSet.bucket, s3_key: key, inferences: [] });
  }
});

/** The capture of a classifier of two classes, as if it had meant the other one. */
function withAnswersSwapped(line: string): string {
  const capture = JSON.parse(line) as { captureData: { endpointOutput: { data: string } } };
  const { endpointOutput } = capture.captureData;
  endpointOutput.data = JSON.stringify((JSON.parse(endpointOutput.data) as number[]).reverse());
  return `${JSON.stringify(capture)}\n`;
}

async function endOf(sfn: SFNClient, executionArn: string): Promise<string | undefined> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const { status } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (status !== "RUNNING") return status;
    await sleep(100);
  }
  throw new Error(`${executionArn} did not end within a minute`);
}

async function allEvents(sfn: SFNClient, executionArn: string) {
  const events = [];
  let nextToken: string | undefined;
  do {
    const page = await sfn.send(new GetExecutionHistoryCommand({ executionArn, nextToken, maxResults: 1000 }));
    events.push(...(page.events ?? []));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return events;
}

async function untilEvents(sfn: SFNClient, executionArn: string, count: number): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if ((await allEvents(sfn, executionArn)).length >= count) return;
    await sleep(20);
  }
  throw new Error(`${executionArn} did not reach ${count} events`);
}
