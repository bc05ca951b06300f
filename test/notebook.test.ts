// A notebook as people run it: unmodified Python that thinks it talks to AWS, sent here by `scones run`; then its functions and
// its state machine, by boto3 and the AWS CLI, against execution histories that AWS itself recorded.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { GetExecutionHistoryCommand, RedriveExecutionCommand, SFNClient } from "@aws-sdk/client-sfn";
import {
  type CaptureRecord,
  captureLine,
  type History,
  outputOf,
  readHistory,
  recordedHistoriesAreAbsent,
  shapeOf,
} from "./aws-records.ts";
import type { NotebookAnswers } from "./notebook-answers.ts";
import { program, projectFolder, runProgram, type Server, startServer } from "./server.ts";

const python = "/usr/bin/python3";
const awsCli = "/usr/bin/aws";
const sagemakerPython = process.env["SCONES_TEST_SAGEMAKER_PYTHON"];
const example = join(projectFolder, "examples", "scones-unlimited");

const pythonIsAbsent = !existsSync(python) && "python3-boto3 is not installed";

describe("a notebook of image classification", { skip: pythonIsAbsent }, () => {
  let server: Server;
  let saw: NotebookAnswers;
  /** Keys of two test pictures, and a confidence between theirs. */
  let sure: string;
  let unsure: string;
  let threshold: string;

  before(async () => {
    server = await startServer();
    saw = await notebook<NotebookAnswers>(python, "notebook_boto3.py");
    const sorted = saw.answers
      .map(({ key, body }) => ({ key, confidence: Math.max(...(JSON.parse(body) as number[])) }))
      .sort((one, other) => one.confidence - other.confidence);
    const [least, most] = [sorted[0]!, sorted.at(-1)!];
    assert.ok(least.confidence < most.confidence, "the model is equally sure of every picture");
    [unsure, sure] = [least.key, most.key];
    threshold = String((least.confidence + most.confidence) / 2);
  });
  after(() => server?.stop());

  test("finds no default bucket, makes it, and finds it again", () => {
    assert.deepEqual(saw.bucketsBefore, []);
    assert.deepEqual([saw.headBefore.code, saw.headBefore.message, saw.headBefore.status], ["404", "Not Found", 404]);
    assert.equal(saw.bucket, "sagemaker-us-east-1-000000000000");
    assert.deepEqual(saw.bucketsAfter, [saw.bucket]);
  });

  test("finds its execution role in its own identity", () => {
    const role = /^arn:aws:sts::\d{12}:assumed-role\/([^/]+)\/[^/]+$/.exec(saw.caller)?.[1];
    assert.ok(role, saw.caller);
    assert.match(saw.role, new RegExp(`^arn:aws:iam::\\d{12}:role/(.+/)?${role}$`));
  });

  test("uploads pictures and lists", () => {
    assert.equal(saw.listBefore, 0);
    assert.equal(saw.uploaded, 60 + 20 + 2);
  });

  test("trains with the request that the SageMaker SDK sends, and reads every part of it back", () => {
    assert.equal(saw.fit.status, "Completed");
    // What AWS adds to it are the algorithm's own metric definitions, and a key that is empty where none encrypts.
    const changed = Object.entries(saw.fit.echo).filter(([, isSame]) => !isSame);
    assert.deepEqual(
      changed.map(([name]) => name),
      ["AlgorithmSpecification", "OutputDataConfig"],
    );
    assert.equal(saw.fit.outputKey, "");
    assert.equal(
      saw.fit.artifact,
      `s3://${saw.bucket}/${saw.prefix}/models/image_model/${saw.endpoint}/output/model.tar.gz`,
    );
    assert.ok(saw.fit.seconds.every((seconds) => Number.isInteger(seconds) && seconds > 0));
    assert.ok(["train:accuracy", "validation:accuracy"].every((name) => saw.fit.metrics.includes(name)));
  });

  test("sees the stages of training in AWS's words", () => {
    assert.deepEqual(
      [saw.fit.transitions[0], ...saw.fit.transitions.slice(-4)],
      [
        "Starting - Starting the training job",
        "Downloading - Downloading input data",
        "Training - Training image download completed. Training in progress.",
        "Uploading - Uploading generated training model",
        "Completed - Training job completed",
      ],
    );
  });

  test("reads the whole log once and in order, and stops reading", () => {
    assert.equal(saw.fit.streams.length, 1);
    assert.match(saw.fit.streams[0] ?? "", new RegExp(`^${saw.endpoint}/algo-1-\\d{10}$`));
    assert.equal(saw.fit.lines[0], "Docker entrypoint called with argument(s): train");
    const accuracies = saw.fit.lines.flatMap(
      (line) => /Epoch\[\d+\] \w+-accuracy=(?=0\.\d{6}$|1\.0{6}$)/.exec(line) ?? [],
    );
    for (const expected of ["Epoch[0] Train", "Epoch[0] Validation", "Epoch[1] Train", "Epoch[1] Validation"]) {
      assert.equal(accuracies.filter((line) => line === `${expected}-accuracy=`).length, 1, expected);
    }
  });

  test("trains with the image of any region's account", () => {
    assert.equal(saw.elsewhere, "Completed");
  });

  test("deploys, and cannot deploy twice under one name", () => {
    assert.equal(saw.deploy.statuses.at(-1), "InService");
    assert.ok(saw.deploy.statuses.slice(0, -1).every((status) => status === "Creating"));
    assert.equal(saw.deploy.again.code, "ValidationException");
    assert.match(
      saw.deploy.again.message,
      /^Cannot create already existing endpoint configuration "arn:aws:sagemaker:/,
    );
  });

  test("is answered probabilities as Python prints them", () => {
    for (const { body, contentType, variant, isPython } of saw.answers) {
      assert.deepEqual([contentType, variant, isPython], ["application/json", "AllTraffic", true], body);
      const probabilities = JSON.parse(body) as number[];
      assert.equal(probabilities.length, 2);
      assert.ok(Math.abs((probabilities[0] ?? 0) + (probabilities[1] ?? 0) - 1) < 1e-5, body);
      assert.ok(
        probabilities.every((value) => Math.fround(value) === value),
        body,
      );
    }
    assert.equal(new Set(saw.answers.map(({ body }) => body)).size > 1, true);
  });

  test("gets a ModelError for what is no picture", () => {
    const { status, original, body, message } = saw.modelError;
    assert.deepEqual([status, original, body], [424, 400, "unable to evaluate payload provided"]);
    assert.equal(
      message,
      `Received client error (400) from primary with message "unable to evaluate payload provided". See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:group=/aws/sagemaker/Endpoints/${saw.endpoint} in account 000000000000 for more information.`,
    );
  });

  test("finds every answered request captured, byte for byte in AWS's form", () => {
    const { keys, keysV2, lines } = saw.captures;
    assert.deepEqual(keysV2, keys);
    const place = new RegExp(
      `^${saw.prefix}/data_capture/${saw.endpoint}/AllTraffic/\\d{4}/\\d\\d/\\d\\d/\\d\\d/\\d\\d-\\d\\d-\\d{3}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\.jsonl$`,
    );
    for (const key of keys) assert.match(key, place);
    assert.equal(lines.length, saw.answers.length);
    lines.forEach((line, i) => {
      const { captureData, eventMetadata } = JSON.parse(line) as CaptureRecord;
      assert.equal(line, captureLine(captureData.endpointInput, captureData.endpointOutput.data, eventMetadata));
      assert.equal(captureData.endpointInput.observedContentType, i === 0 ? "application/x-image" : "image/png");
      assert.equal(captureData.endpointOutput.data, saw.answers[i]?.body);
      assert.equal(Buffer.from(captureData.endpointInput.data, "base64").subarray(1, 4).toString(), "PNG");
    });
  });

  test("updates the endpoint while it answers", () => {
    assert.deepEqual([saw.duringUpdate, saw.updatedTo], ["application/json", `${saw.endpoint}-2`]);
  });

  test("catches every error by its class", () => {
    const seen = Object.entries(saw.errors).map(([name, error]) => [name, error.class, error.code, error.status]);
    assert.deepEqual(seen, [
      ["trainAgain", "ResourceInUse", "ResourceInUse", 400],
      // AWS answers these two with an error that its own model does not have.
      ["absentJob", "ClientError", "ValidationException", 400],
      ["absentEndpoint", "ClientError", "ValidationException", 400],
      ["absentInvoke", "ValidationError", "ValidationError", 400],
      ["absentRole", "NoSuchEntityException", "NoSuchEntity", 404],
      ["absentKey", "NoSuchKey", "NoSuchKey", 404],
      ["absentHead", "ClientError", "404", 404],
      ["absentBucket", "NoSuchBucket", "NoSuchBucket", 404],
    ]);
  });

  describe("and its functions in Python", { skip: !existsSync(awsCli) && "awscli is not installed" }, () => {
    let machineArn: string;

    before(async () => {
      await runClient(python, "deploy_functions.py", join(example, "functions", "python"), saw.endpoint, threshold);
      const made = await aws<{ stateMachineArn: string }>(
        "create-state-machine",
        "--name",
        "Notebook",
        "--role-arn",
        "arn:aws:iam::000000000000:role/service-role/StepFunctions-Notebook",
        "--definition",
        `file://${join(example, "state-machine.asl.json")}`,
      );
      machineArn = made.stateMachineArn;
    });

    test("a picture that the model is sure of passes, in a history as AWS records it", async () => {
      const execution = await execute(sure);
      assert.equal(execution.status, "SUCCEEDED");
      const { inferences, s3_key } = JSON.parse(execution.output ?? "") as { inferences: number[]; s3_key: string };
      assert.equal(s3_key, sure);
      assert.equal(inferences.length, 2);
      const { events } = await history(execution.executionArn);
      assert.equal(events.length, 17);
      assert.equal(events[0]?.previousEventId, 0);
      assert.deepEqual(Object.keys(outputOf(events[4]!)), [
        "ExecutedVersion",
        "Payload",
        "SdkHttpMetadata",
        "SdkResponseMetadata",
        "StatusCode",
      ]);
    });

    test("a picture that it is not sure of fails with the class that Python raised", async () => {
      const execution = await execute(unsure);
      assert.deepEqual([execution.status, execution.error], ["FAILED", "THRESHOLD_CONFIDENCE_NOT_MET"]);
      const cause = JSON.parse(execution.cause ?? "") as Record<string, unknown>;
      assert.deepEqual(Object.keys(cause), ["errorMessage", "errorType", "requestId", "stackTrace"]);
      assert.match(String(cause["errorMessage"]), /^the model is 0\.\d{4} sure/);
      assert.match(
        String((cause["stackTrace"] as string[])[0]),
        /File "\/var\/task\/filter_low_confidence\.py", line \d+/,
      );
    });

    const recorded = { skip: recordedHistoriesAreAbsent };

    test("a success has the events, links and fields of one that AWS recorded", recorded, async () => {
      const execution = await execute(sure);
      const { events } = await history(execution.executionArn);
      const recordedEvents = readHistory("h2.json");
      assert.deepEqual(events.map(shapeOf), recordedEvents.map(shapeOf));
      for (const [i, event] of recordedEvents.entries()) {
        if (event.type !== "TaskSucceeded") continue;
        const [ours, theirs] = [outputOf(events[i]!), outputOf(event)];
        assert.deepEqual(Object.keys(ours), Object.keys(theirs));
        const metadata = (output: Record<string, unknown>) => output["SdkHttpMetadata"] as Record<string, object>;
        for (const headers of ["AllHttpHeaders", "HttpHeaders"]) {
          assert.deepEqual(
            Object.keys(metadata(ours)[headers] ?? {}).sort(),
            Object.keys(metadata(theirs)[headers] ?? {}).sort(),
          );
        }
      }
    });

    test("so has one that failed for a missing picture, was redriven and failed again", recorded, async () => {
      const key = `${saw.prefix}/late.png`;
      const missing = await execute(key);
      assert.deepEqual([missing.status, missing.error], ["FAILED", "ClientError"]);
      assert.match(missing.cause ?? "", /An error occurred \(404\) when calling the HeadObject operation: Not Found/);
      await runService(
        "s3api",
        "copy-object",
        "--bucket",
        saw.bucket,
        "--key",
        key,
        "--copy-source",
        `${saw.bucket}/${unsure}`,
      );
      // The AWS CLI that Debian packages is older than redriving, and leaves out what it does not know.
      const sfn = new SFNClient(server.aws);
      await sfn.send(new RedriveExecutionCommand(missing));
      const again = await endOf(missing.executionArn);
      assert.deepEqual([again.status, again.error], ["FAILED", "THRESHOLD_CONFIDENCE_NOT_MET"]);
      const { events = [] } = await sfn.send(new GetExecutionHistoryCommand(missing));
      assert.deepEqual(events.map(shapeOf), readHistory("h5.json").map(shapeOf));
    });

    interface Execution {
      executionArn: string;
      status: string;
      error?: string;
      cause?: string;
      output?: string;
    }

    async function execute(key: string): Promise<Execution> {
      const input = JSON.stringify({ image_data: "", s3_bucket: saw.bucket, s3_key: key, inferences: [] });
      const started = await aws<{ executionArn: string }>(
        "start-execution",
        "--state-machine-arn",
        machineArn,
        "--input",
        input,
      );
      return endOf(started.executionArn);
    }

    async function endOf(executionArn: string): Promise<Execution> {
      for (let attempt = 0; attempt < 100; attempt++) {
        const execution = await aws<Execution>("describe-execution", "--execution-arn", executionArn);
        if (execution.status !== "RUNNING") return execution;
        await sleep(100);
      }
      throw new Error(`${executionArn} did not end`);
    }

    function history(executionArn: string): Promise<History> {
      return aws<History>("get-execution-history", "--execution-arn", executionArn, "--include-execution-data");
    }

    async function aws<Answer>(...args: string[]): Promise<Answer> {
      return JSON.parse(await runService("stepfunctions", ...args)) as Answer;
    }

    async function runService(...args: string[]): Promise<string> {
      const env = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_DEFAULT_REGION: "us-east-1" };
      const ran = await runProgram(awsCli, ["--endpoint-url", server.url, "--output", "json", ...args], { env });
      assert.equal(ran.exitCode, 0, ran.stderr);
      return ran.stdout;
    }
  });

  test("functions with the habits of published ones run, in either query language", async () => {
    const args = [saw.endpoint, threshold, saw.bucket, sure, unsure];
    const outcomes = JSON.parse(await runClient(python, "pasted_functions.py", ...args)) as unknown[];
    const body = saw.answers.find(({ key }) => key === sure)?.body;
    assert.deepEqual(
      outcomes,
      ["JSONPath", "JSONata"].flatMap((language) => [
        [language, "SUCCEEDED", null, body],
        [language, "FAILED", "TypeError", "exceptions must derive from BaseException"],
      ]),
    );
  });

  test("the endpoint goes as the SageMaker SDK deletes it, and is gone", async () => {
    const errors = JSON.parse(await runClient(python, "notebook_clean_up.py", saw.endpoint)) as [string, string][];
    assert.deepEqual(
      errors.map(([code]) => code),
      ["ValidationException", "ValidationException", "ValidationException", "ValidationError"],
    );
    assert.match(errors[0]?.[1] ?? "", /^Could not find endpoint "arn:aws:sagemaker:.*"\.$/);
  });

  test("runs with the SageMaker Python SDK itself", {
    skip: !sagemakerPython && "SCONES_TEST_SAGEMAKER_PYTHON names no Python that has sagemaker",
  }, async () => {
    const sdk = await notebook<Record<string, unknown>>(sagemakerPython ?? "", "notebook_sagemaker.py");
    assert.equal(sdk["bucket"], saw.bucket);
    assert.equal(sdk["role"], saw.role);
    assert.match(String(sdk["image"]), /^811284229777\.dkr\.ecr\.us-east-1\.amazonaws\.com\/image-classification:/);
    assert.match(String(sdk["model"]), /\/output\/model\.tar\.gz$/);
    assert.equal(sdk["attached"], sdk["model"]);
    assert.equal((JSON.parse(String(sdk["inference"])) as number[]).length, 2);
    assert.deepEqual(sdk["captures"], [
      { observedContentType: "application/json", mode: "OUTPUT", data: sdk["inference"], encoding: "JSON" },
    ]);
  });

  /** Runs a script of `clients/` in transparent mode; its last line is what it saw. */
  async function notebook<Seen>(interpreter: string, script: string): Promise<Seen> {
    const output = await runClient(interpreter, script);
    return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") as Seen;
  }

  async function runClient(interpreter: string, script: string, ...args: string[]): Promise<string> {
    const options = ["--endpoint", server.url];
    const ran = await runProgram(
      process.execPath,
      [program, "run", ...options, "--", interpreter, join(projectFolder, "test", "clients", script), ...args],
      { env: { PYTHONDONTWRITEBYTECODE: "1" } },
    );
    assert.equal(ran.exitCode, 0, ran.stderr);
    return ran.stdout;
  }
});
