// The workflow in every shape in which people have built it: their ways to write the functions, to carry data through the state
// machine, and to fail, with a picture that the model is sure of and one that it is not.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  SageMakerClient,
  waitUntilEndpointInService,
} from "@aws-sdk/client-sagemaker";
import { InvokeEndpointCommand, SageMakerRuntimeClient } from "@aws-sdk/client-sagemaker-runtime";
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { createFunction } from "./functions.ts";
import { plain } from "./pictures.ts";
import { program, projectFolder, runProgram, type Server, startServer } from "./server.ts";
import { classify, filter, flows, readsCause, serialize } from "./shape-functions.ts";
import { type Chain, definitionOf } from "./shape-machines.ts";

const python = "/usr/bin/python3";
const bucket = "shapes";
const endpoint = "image-classification-2022-01-20-01-30-00-000";
const role = "arn:aws:iam::000000000000:role/shapes";

describe("the workflow in the shapes of its users", { skip: !existsSync(python) && "python3 is not installed" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "scones-shapes-"));
  let server: Server;
  let lambda: LambdaClient;
  let sfn: SFNClient;

  before(async () => {
    server = await startServer(undefined, { SCONES_ENDPOINT_ALIAS: endpoint });
    lambda = new LambdaClient(server.aws);
    sfn = new SFNClient(server.aws);
    await deployModel();
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A model that is as sure as the picture is red: .9997 for red, .6 for a purple that is hardly redder than blue. */
  async function deployModel(): Promise<void> {
    const s3 = new S3Client({ ...server.aws, forcePathStyle: true });
    const sagemaker = new SageMakerClient(server.aws);
    const { writeTinyModel } = (await import(join(projectFolder, "dist/serve/testing/tiny-model.js"))) as {
      writeTinyModel: (folder: string) => unknown;
    };
    writeTinyModel(join(folder, "model"));
    const archive = join(folder, "model.tar.gz");
    await runProgram("tar", ["-czf", archive, "-C", join(folder, "model"), "model.json", "model.onnx"]);
    const put = (Key: string, Body: Buffer) => s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    await put("model.tar.gz", readFileSync(archive));
    await put("test/sure.png", plain([255, 0, 0]));
    await put("test/unsure.png", plain([140, 0, 127]));
    const Image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1";
    const PrimaryContainer = { Image, ModelDataUrl: `s3://${bucket}/model.tar.gz` };
    await sagemaker.send(new CreateModelCommand({ ModelName: endpoint, ExecutionRoleArn: role, PrimaryContainer }));
    const variant = { VariantName: "AllTraffic", ModelName: endpoint, InitialInstanceCount: 1 };
    const ProductionVariants = [{ ...variant, InstanceType: "ml.m5.xlarge" as const }];
    await sagemaker.send(new CreateEndpointConfigCommand({ EndpointConfigName: endpoint, ProductionVariants }));
    await sagemaker.send(new CreateEndpointCommand({ EndpointName: endpoint, EndpointConfigName: endpoint }));
    await waitUntilEndpointInService(
      { client: sagemaker, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
      { EndpointName: endpoint },
    );
  }

  const py = (name: string, source: string) =>
    createFunction(lambda, { name, runtime: "python3.8", file: "index.py", source, handler: "index.lambda_handler" });

  interface Ending {
    status: string | undefined;
    error?: string;
    cause?: string;
    output?: string;
  }

  async function execute(stateMachineArn: string | undefined, input: object): Promise<Ending> {
    const { executionArn } = await sfn.send(
      new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }),
    );
    for (let attempt = 0; attempt < 600; attempt++) {
      const { status, error, cause, output } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      if (status !== "RUNNING") return { status, error, cause, output };
      await sleep(50);
    }
    throw new Error(`${executionArn} did not end`);
  }

  const inputs = (key: string) => ({
    ...{ image_data: "", s3_bucket: bucket, s3_key: key, bucket, key, s3_input_uri: `s3://${bucket}/${key}` },
  });

  /** Deploys functions (by role, in order) and machine under one name, and runs it on both pictures at once. */
  async function runShape(name: string, sources: readonly string[], chain: Omit<Chain, "functions">) {
    const functions = sources.map((_, i) => `${name}-${i + 1}`);
    await Promise.all(functions.map((one, i) => py(one, sources[i] ?? "")));
    const definition = definitionOf({ ...chain, functions });
    const made = await sfn.send(new CreateStateMachineCommand({ name, definition, roleArn: role }));
    const [sure, unsure] = await Promise.all(
      ["test/sure.png", "test/unsure.png"].map((key) => execute(made.stateMachineArn, inputs(key))),
    );
    return { sure: sure as Ending, unsure: unsure as Ending };
  }

  const payload = { Parameters: { "Payload.$": "$" } };
  const first = (flow: keyof typeof flows, options: Partial<Parameters<typeof serialize>[0]> = {}) =>
    serialize({ by: "file", as: "bytes", returns: flows[flow].returns, ...options });
  const second = (flow: keyof typeof flows, options: Partial<Parameters<typeof classify>[0]> = {}) =>
    classify({ by: "runtime.sagemaker", as: "text", endpoint, ...flows[flow], ...options });
  const third = (flow: keyof typeof flows, options: Partial<Parameters<typeof filter>[0]> = {}) =>
    filter({ fails: "text", ...flows[flow], ...options });

  function assertPassesAndFails({ sure, unsure }: { sure: Ending; unsure: Ending }, error: string): void {
    assert.equal(sure.status, "SUCCEEDED", sure.cause);
    assert.deepEqual([unsure.status, unsure.error], ["FAILED", error], unsure.cause);
  }

  const typeErrorText = "exceptions must derive from BaseException";

  test("Payload of the whole state, OutputPath $.Payload: bytes in the body, a text raised", async () => {
    const ran = await runShape("body", [first("body"), second("body"), third("body")], {
      fields: { ...payload, OutputPath: "$.Payload" },
    });
    assertPassesAndFails(ran, "TypeError");
    const cause = JSON.parse(ran.unsure.cause ?? "") as { errorMessage: string; stackTrace: string[] };
    assert.equal(cause.errorMessage, typeErrorText);
    assert.match(cause.stackTrace[0] ?? "", /^ {2}File "\/var\/task\/index\.py", line \d+, in lambda_handler\n/);
    const { body } = JSON.parse(ran.sure.output ?? "") as { body: { inferences: string; s3_key: string } };
    assert.equal(body.s3_key, "test/sure.png");
    assert.match(body.inferences, /^\[0\.999\d+, 0\.000\d+\]$/);
  });

  test("the same with JSON text as body, which each function parses", async () => {
    const sources = [
      first("parsed", { by: "resource", as: "text" }),
      second("parsed", { by: "sagemaker-runtime", as: "list" }),
      third("parsed", { fails: "exception", tests: "max" }),
    ];
    assertPassesAndFails(
      await runShape("parsed", sources, { fields: { ...payload, OutputPath: "$.Payload" } }),
      "Exception",
    );
  });

  test("OutputPath $.Payload.body of text: the next function receives the object", async () => {
    const sources = [
      first("text", { by: "stream", as: "text" }),
      second("text", { as: "list" }),
      third("text", { fails: "value" }),
    ];
    const ran = await runShape("text", sources, { fields: { ...payload, OutputPath: "$.Payload.body" } });
    assertPassesAndFails(ran, "ValueError");
  });

  test("OutputPath $.Payload.body of an object, the endpoint asked through sagemaker's Predictor", async () => {
    const sources = [first("bare"), second("bare", { by: "predictor", as: "bytes" }), third("bare")];
    const ran = await runShape("bare", sources, { fields: { ...payload, OutputPath: "$.Payload.body" } });
    assertPassesAndFails(ran, "TypeError");
  });

  test("InputPath $.body", async () => {
    const sources = [first("bare", { by: "object" }), second("bare"), third("bare", { fails: "exception" })];
    const fields = [{}, { InputPath: "$.body" }, { InputPath: "$.body" }].map((own) => ({
      ...{ ...payload, OutputPath: "$.Payload" },
      ...own,
    }));
    assertPassesAndFails(await runShape("input-path", sources, { fields }), "Exception");
  });

  test("InputPath $.Payload.body, the whole result flows on", async () => {
    const sources = [first("bare"), second("bare"), third("bare")];
    const fields = [payload, { ...payload, InputPath: "$.Payload.body" }, { ...payload, InputPath: "$.Payload.body" }];
    const ran = await runShape("deep-input-path", sources, { fields });
    assertPassesAndFails(ran, "TypeError");
    assert.equal((JSON.parse(ran.sure.output ?? "") as { ExecutedVersion: string }).ExecutedVersion, "$LATEST");
  });

  test("no path at all: functions read the answer of Invoke", async () => {
    const sources = [first("whole"), second("whole"), third("whole")];
    assertPassesAndFails(await runShape("whole", sources, { fields: payload }), "TypeError");
  });

  test("ResultPath $.body and OutputPath $", async () => {
    const sources = [first("below"), second("below"), third("below")];
    const fields = { ...payload, ResultPath: "$.body", OutputPath: "$" };
    assertPassesAndFails(await runShape("result-path", sources, { fields }), "TypeError");
  });

  test("an object as Payload, member by member, with other names for bucket and key", async () => {
    const members = ["image_data", "s3_bucket", "s3_key", "inferences"].map((name) => [`${name}.$`, `$.body.${name}`]);
    const template = { Parameters: { Payload: Object.fromEntries(members) }, OutputPath: "$.Payload" };
    const start = { Parameters: { Payload: { "bucket.$": "$.bucket", "key.$": "$.key" } }, OutputPath: "$.Payload" };
    const sources = [first("bare", { from: "short" }), second("bare"), third("bare")];
    assertPassesAndFails(await runShape("template", sources, { fields: [start, template, template] }), "TypeError");
  });

  test("a fixed picture in the definition is classified whatever the input says", async () => {
    const fixed = { Payload: { s3_bucket: bucket, s3_key: "test/sure.png" } };
    const fields = [{ Parameters: fixed }, payload, payload].map((own) => ({ ...own, OutputPath: "$.Payload" }));
    const ran = await runShape("fixed", [first("body"), second("body"), third("body")], { fields });
    assert.deepEqual([ran.sure.status, ran.unsure.status], ["SUCCEEDED", "SUCCEEDED"]);
  });

  test("an OutputPath that leads nowhere fails both", async () => {
    const fields = { ...payload, OutputPath: "$.Body" };
    const ran = await runShape("nowhere", [first("body"), second("body"), third("body")], { fields });
    assert.deepEqual([ran.sure.error, ran.unsure.error], ["States.Runtime", "States.Runtime"]);
  });

  test("no body, flat objects, an address of S3", async () => {
    const sources = [
      first("flat", { from: "uri", by: "stream" }),
      second("flat", { as: "list" }),
      third("flat", { tests: "max" }),
    ];
    assertPassesAndFails(
      await runShape("flat", sources, { fields: { ...payload, OutputPath: "$.Payload" } }),
      "TypeError",
    );
  });

  const query = { Arguments: { Payload: "{% $states.input %}" } };

  test("JSONata, as the console proposes it", async () => {
    const fields = { ...query, Output: "{% $states.result.Payload %}" };
    const ran = await runShape("jsonata", [first("body"), second("body"), third("body")], { fields, isJsonata: true });
    assertPassesAndFails(ran, "TypeError");
  });

  test("JSONata that cuts out a body of text", async () => {
    const fields = { ...query, Output: "{% $states.result.Payload.body %}" };
    const sources = [first("text", { as: "text" }), second("text"), third("text")];
    assertPassesAndFails(await runShape("jsonata-body", sources, { fields, isJsonata: true }), "TypeError");
  });

  test("JSONata with a Choice on what the filter tells", async () => {
    const output = { ...query, Output: "{% $states.result.Payload %}" };
    const told = { ...query, Output: { meets_threshold: "{% $states.result.Payload.meets_threshold %}" } };
    const ran = await runShape("jsonata-choice", [first("body"), second("body"), third("body", { fails: "told" })], {
      ...{ fields: [output, output, told], isJsonata: true, last: { Next: "Decide" } },
      states: {
        Decide: {
          ...{ Type: "Choice", Default: "Low" },
          Choices: [{ Condition: "{% $states.input.meets_threshold %}", Next: "High" }],
        },
        High: { Type: "Succeed" },
        Low: { Type: "Fail", Error: "LowConfidence", Cause: "not sure enough" },
      },
    });
    assertPassesAndFails(ran, "LowConfidence");
  });

  const sources = (fails: Parameters<typeof filter>[0]["fails"]) => [
    first("body"),
    second("body"),
    third("body", { fails }),
  ];
  const fields = { ...payload, OutputPath: "$.Payload", TimeoutSeconds: 300 };
  const caught = (error: string) => ({ End: true, Catch: [{ ErrorEquals: [error], Next: "Caught" }] });

  test("Catch of everything that leads to Fail, with a time limit on the whole", async () => {
    const ran = await runShape("catch-fail", sources("text"), {
      ...{ fields, last: caught("States.ALL"), machine: { TimeoutSeconds: 1200 } },
      states: { Caught: { Type: "Fail", Error: "Filtered", Cause: "low" } },
    });
    assertPassesAndFails(ran, "Filtered");
  });

  test("Catch of failed tasks that leads to Pass makes both succeed", async () => {
    const ran = await runShape("catch-pass", sources("exception"), {
      ...{ fields, last: caught("States.TaskFailed") },
      states: { Caught: { Type: "Pass", End: true } },
    });
    assert.deepEqual([ran.sure.status, ran.unsure.status], ["SUCCEEDED", "SUCCEEDED"]);
    const { Error: error, Cause } = JSON.parse(ran.unsure.output ?? "") as { Error: string; Cause: string };
    assert.deepEqual([error, (JSON.parse(Cause) as { errorType: string }).errorType], ["Exception", "Exception"]);
  });

  test("Catch that leads to a function, which reads the reason out of the exception's text", async () => {
    await py("reads-cause", readsCause);
    const FunctionName = "arn:aws:lambda:us-east-1:123456789012:function:reads-cause:$LATEST";
    const task = { Type: "Task", Resource: "arn:aws:states:::lambda:invoke", OutputPath: "$.Payload", End: true };
    const ran = await runShape("catch-task", sources("json"), {
      ...{ fields, last: caught("States.ALL") },
      states: { Caught: { ...task, Parameters: { FunctionName, "Payload.$": "$" } } },
    });
    assert.deepEqual(ran.sure.status, "SUCCEEDED");
    assert.deepEqual(JSON.parse(ran.unsure.output ?? ""), { statusCode: 400, reason: "THRESHOLD_CONFIDENCE_NOT_MET" });
  });

  test("a filter that swallows its failure makes both succeed", async () => {
    const ran = await runShape("swallowed", sources("swallowed"), { fields });
    assert.deepEqual([ran.sure.status, ran.unsure.status], ["SUCCEEDED", "SUCCEEDED"]);
    assert.equal((JSON.parse(ran.unsure.output ?? "") as { statusCode: number }).statusCode, 500);
  });

  test("three handlers in one file, split and deployed by their archives, run in the state machine", async () => {
    const file = join(folder, "lambda.py");
    writeFileSync(file, `${first("body")}\n\n# the second\n${second("body")}\n\n# the third\n${third("body")}`);
    const split = await runProgram(process.execPath, [
      program,
      "split",
      file,
      "--out",
      join(folder, "split"),
      "--json",
    ]);
    assert.equal(split.exitCode, 0, split.stderr);
    const { functions } = JSON.parse(split.stdout) as { functions: { name: string; handler: string; zip: string }[] };
    const names = functions.map(({ name }) => name);
    assert.deepEqual(names, ["serialize-image-data", "classify-image", "filter-low-confidence"]);
    for (const { name, handler, zip } of functions) {
      const Code = { ZipFile: readFileSync(zip) };
      await lambda.send(
        new CreateFunctionCommand({
          ...{ FunctionName: name, Runtime: "python3.12", Handler: handler, Role: role, Code, Timeout: 30 },
        }),
      );
    }
    const definition = definitionOf({ functions: names, fields });
    const made = await sfn.send(new CreateStateMachineCommand({ name: "split", definition, roleArn: role }));
    const [sure, unsure] = await Promise.all(
      ["test/sure.png", "test/unsure.png"].map((key) => execute(made.stateMachineArn, inputs(key))),
    );
    assertPassesAndFails({ sure: sure as Ending, unsure: unsure as Ending }, "TypeError");
  });

  test("a function that names an endpoint deleted long ago is answered by the alias, and can see that", async () => {
    const sources = [
      first("body"),
      second("body", { endpoint: "image-classification-2021-11-01-10-00-00-000" }),
      third("body"),
    ];
    assertPassesAndFails(await runShape("stale-endpoint", sources, { fields }), "TypeError");
    const runtime = new SageMakerRuntimeClient(server.aws);
    const answer = await runtime.send(
      new InvokeEndpointCommand({ EndpointName: "deleted", Body: plain([255, 0, 0]), ContentType: "image/png" }),
    );
    assert.equal(answer.CustomAttributes, `scones-answered-by-endpoint=${endpoint}`);
  });

  test("a package that is missing says so in AWS's words", async () => {
    await py("no-package", "import sagemaker.workflow\n\ndef lambda_handler(event, context):\n    return 1\n");
    const answer = await lambda.send(new InvokeCommand({ FunctionName: "no-package" }));
    const { errorType, errorMessage } = JSON.parse(Buffer.from(answer.Payload ?? []).toString());
    assert.equal(errorType, "Runtime.ImportModuleError");
    assert.equal(errorMessage, "Unable to import module 'index': No module named 'sagemaker.workflow'");
  });

  test("a missing picture fails with the error of boto3", async () => {
    const definition = definitionOf({ functions: ["body-1", "body-2", "body-3"], fields });
    const made = await sfn.send(new CreateStateMachineCommand({ name: "missing", definition, roleArn: role }));
    const ran = await execute(made.stateMachineArn, inputs("test/none.png"));
    assert.deepEqual([ran.status, ran.error], ["FAILED", "ClientError"]);
    const { errorMessage } = JSON.parse(ran.cause ?? "") as { errorMessage: string };
    assert.equal(errorMessage, "An error occurred (404) when calling the HeadObject operation: Not Found");
  });
});
