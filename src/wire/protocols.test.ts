import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { CloudWatchClient, ListMetricsCommand } from "@aws-sdk/client-cloudwatch";
import { GetRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { InvokeCommand, LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { CreateTrainingJobCommand, type CreateTrainingJobRequest, SageMakerClient } from "@aws-sdk/client-sagemaker";
import {
  InvokeEndpointCommand,
  InvokeEndpointWithResponseStreamCommand,
  SageMakerRuntimeClient,
} from "@aws-sdk/client-sagemaker-runtime";
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand, StopExecutionCommand } from "@aws-sdk/client-sfn";
import { GetTopicAttributesCommand, PublishCommand, SNSClient } from "@aws-sdk/client-sns";
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { Fault } from "../kit/fault.ts";
import type { WireReport } from "./exchange.ts";
import { createWireServer, type WireServer } from "./server.ts";
import type { Service } from "./service.ts";

const seen: Record<string, unknown> = {};
const reports: WireReport[] = [];
/** Verifies signatures, as every call of the SDK is signed; `open` takes what has none. */
let wire: WireServer;
let open: WireServer;
let configuration: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } };

const moment = new Date("2026-11-20T23:00:00.500Z");

/** Keeps what the wire handed over, answers what it is told. */
function answering(operation: string, output: object): [string, (input: object) => object] {
  return [
    operation,
    (input) => {
      seen[operation] = input;
      return output;
    },
  ];
}

function failing(operation: string, error: Error): [string, () => never] {
  return [
    operation,
    () => {
      throw error;
    },
  ];
}

async function* parts(endpointName: string): AsyncGenerator<object> {
  yield { PayloadPart: { Bytes: Buffer.from("one ") } };
  if (endpointName === "breaks") throw new Fault("ModelStreamError", "the model went away");
  yield { PayloadPart: { Bytes: Buffer.from("two") } };
}

const services: Service[] = [
  {
    name: "states",
    handlers: Object.fromEntries([
      answering("StartExecution", { executionArn: "arn:x", startDate: moment }),
      failing("DescribeExecution", new Fault("ExecutionDoesNotExist", "Execution Does Not Exist: 'arn:x'")),
      failing("StopExecution", new Error("a bug")),
    ]),
  },
  { name: "sagemaker", handlers: Object.fromEntries([answering("CreateTrainingJob", { TrainingJobArn: "arn:job" })]) },
  {
    name: "sagemaker-runtime",
    handlers: Object.fromEntries([
      answering("InvokeEndpoint", { Body: Buffer.from("[0.9,0.1]"), ContentType: "application/json" }),
      [
        "InvokeEndpointWithResponseStream",
        ({ EndpointName }: { EndpointName: string }) => ({ ContentType: "text/plain", Body: parts(EndpointName) }),
      ],
    ]),
  },
  {
    name: "lambda",
    handlers: Object.fromEntries([
      answering("Invoke", { StatusCode: 200, Payload: '{"ok":true}', LogResult: "bG9n", ExecutedVersion: "$LATEST" }),
      failing("ListFunctions", new Fault("ResourceNotFoundException", "Function not found")),
    ]),
  },
  {
    name: "sns",
    handlers: Object.fromEntries([
      answering("Publish", { MessageId: "m-1" }),
      failing("GetTopicAttributes", new Fault("NotFoundException", "Topic does not exist")),
    ]),
  },
  {
    name: "sqs",
    handlers: Object.fromEntries([
      answering("ReceiveMessage", {
        Messages: [
          {
            Body: "a & b",
            MD5OfBody: createHash("md5").update("a & b").digest("hex"),
            Attributes: { SentTimestamp: "1" },
          },
        ],
      }),
      failing("SendMessage", new Fault("QueueDoesNotExist", "The specified queue does not exist.")),
    ]),
  },
  {
    name: "iam",
    handlers: Object.fromEntries([failing("GetRole", new Fault("NoSuchEntityException", "no role named x"))]),
  },
  {
    name: "monitoring",
    handlers: Object.fromEntries([answering("ListMetrics", { Metrics: [{ Namespace: "A", MetricName: "b" }] })]),
  },
];

before(async () => {
  const clock = { now: () => Date.now(), uuid: () => crypto.randomUUID() };
  const report = (one: WireReport) => void reports.push(one);
  const credential = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
  wire = await createWireServer({ services, port: 0, clock, report, credentials: [credential] });
  open = await createWireServer({ services, port: 0, clock, report });
  configuration = {
    endpoint: wire.url,
    region: "eu-west-1",
    credentials: credential,
  };
});

after(async () => {
  await wire.close();
  await open.close();
});

test("a json 1.0 call goes and comes with its types", async () => {
  const client = new SFNClient(configuration);
  const output = await client.send(
    new StartExecutionCommand({ stateMachineArn: "arn:sm", name: "n", input: '{"a":"\u00e9"}' }),
  );
  assert.equal(output.executionArn, "arn:x");
  assert.deepEqual(output.startDate, moment);
  assert.deepEqual(seen["StartExecution"], { stateMachineArn: "arn:sm", name: "n", input: '{"a":"\u00e9"}' });
});

test("a modelled fault arrives as the client's own exception", async () => {
  const client = new SFNClient(configuration);
  const call = client.send(new DescribeExecutionCommand({ executionArn: "arn:x" }));
  await assert.rejects(call, { name: "ExecutionDoesNotExist", message: "Execution Does Not Exist: 'arn:x'" });
});

test("a bug in a handler is reported with its request id and answered 500", async () => {
  const client = new SFNClient({ ...configuration, maxAttempts: 1 });
  const error = await client
    .send(new StopExecutionCommand({ executionArn: "arn:x" }))
    .catch((reason: unknown) => reason);
  const { $metadata } = error as { $metadata: { httpStatusCode: number; requestId: string } };
  assert.equal($metadata.httpStatusCode, 500);
  const report = reports.find(({ requestId }) => requestId === $metadata.requestId);
  assert.equal((report as WireReport & { error: Error }).error.message, "a bug");
});

test("what is missing is named in AWS's words", async () => {
  const client = new SageMakerClient(configuration);
  const request = { TrainingJobName: "bad name", AlgorithmSpecification: {} } as CreateTrainingJobRequest;
  const error = (await client.send(new CreateTrainingJobCommand(request)).catch((reason: unknown) => reason)) as Error;
  assert.equal(error.name, "ValidationException");
  assert.match(
    error.message,
    /^\d validation errors detected: Value 'bad name' at 'trainingJobName' failed to satisfy/,
  );
  assert.match(
    error.message,
    /Value null at 'algorithmSpecification.trainingInputMode' failed to satisfy constraint: Member must not be null/,
  );
});

test("an operation that nobody answers is named", async () => {
  const response = await fetch(open.url, {
    method: "POST",
    headers: { "x-amz-target": "SageMaker.CreateApp", "content-type": "application/x-amz-json-1.1" },
    body: "{}",
  });
  assert.equal(response.status, 400);
  const body = (await response.json()) as { __type: string; message: string };
  assert.equal(body.__type, "UnknownOperationException");
  assert.match(body.message, /sagemaker\.CreateApp; COMPATIBILITY\.md/);
});

test("a restJson call carries bytes, headers and labels", async () => {
  const client = new SageMakerRuntimeClient(configuration);
  const output = await client.send(
    new InvokeEndpointCommand({ EndpointName: "e-1", Body: Buffer.from([137, 0, 255]), ContentType: "image/png" }),
  );
  assert.equal(Buffer.from(output.Body).toString(), "[0.9,0.1]");
  assert.equal(output.ContentType, "application/json");
  const input = seen["InvokeEndpoint"] as { EndpointName: string; Body: Buffer; ContentType: string };
  assert.deepEqual([input.EndpointName, [...input.Body], input.ContentType], ["e-1", [137, 0, 255], "image/png"]);
});

test("an event stream arrives frame by frame", async () => {
  const client = new SageMakerRuntimeClient(configuration);
  const output = await client.send(
    new InvokeEndpointWithResponseStreamCommand({ EndpointName: "e-1", Body: Buffer.from("x") }),
  );
  const parts: string[] = [];
  for await (const event of output.Body ?? []) parts.push(Buffer.from(event.PayloadPart?.Bytes ?? []).toString());
  assert.deepEqual(parts, ["one ", "two"]);
});

test("a fault in the middle of a stream arrives as the client's own exception", async () => {
  const client = new SageMakerRuntimeClient(configuration);
  const command = new InvokeEndpointWithResponseStreamCommand({ EndpointName: "breaks", Body: Buffer.from("x") });
  const output = await client.send(command);
  const read = async () => {
    for await (const event of output.Body ?? []) assert.ok(event.PayloadPart);
  };
  await assert.rejects(read(), { name: "ModelStreamError", message: "the model went away" });
});

test("a function's answer and log come back through Lambda's headers", async () => {
  const client = new LambdaClient(configuration);
  const name = "arn:aws:lambda:us-east-1:000000000000:function:f";
  const output = await client.send(new InvokeCommand({ FunctionName: name, LogType: "Tail", Payload: '{"a":1}' }));
  assert.equal(Buffer.from(output.Payload ?? []).toString(), '{"ok":true}');
  assert.deepEqual([output.StatusCode, output.LogResult], [200, "bG9n"]);
  assert.equal((seen["Invoke"] as { FunctionName: string }).FunctionName, name);
});

test("a Lambda fault has its modelled status", async () => {
  const client = new LambdaClient(configuration);
  const error = await client.send(new ListFunctionsCommand({})).catch((reason: unknown) => reason);
  const { name, $metadata, Type } = error as { name: string; Type: string; $metadata: { httpStatusCode: number } };
  assert.deepEqual([name, $metadata.httpStatusCode, Type], ["ResourceNotFoundException", 404, "User"]);
});

test("a query call carries maps and bytes", async () => {
  const client = new SNSClient(configuration);
  const attributes = {
    text: { DataType: "String", StringValue: "ü&" },
    bytes: { DataType: "Binary", BinaryValue: Buffer.from([1, 2]) },
  };
  const output = await client.send(
    new PublishCommand({ Message: "m", TopicArn: "arn:t", MessageAttributes: attributes }),
  );
  assert.equal(output.MessageId, "m-1");
  assert.deepEqual((seen["Publish"] as { MessageAttributes: object }).MessageAttributes, attributes);
});

test("query faults go by their older names", async () => {
  const topic = new SNSClient(configuration).send(new GetTopicAttributesCommand({ TopicArn: "arn:t" }));
  await assert.rejects(topic, { name: "NotFoundException", $fault: "client" });
  const role = new IAMClient(configuration).send(new GetRoleCommand({ RoleName: "x" }));
  await assert.rejects(role, { name: "NoSuchEntityException" });
});

test("queues speak JSON to new clients and keep their older fault names in a header", async () => {
  const client = new SQSClient(configuration);
  const output = await client.send(new ReceiveMessageCommand({ QueueUrl: `${wire.url}/0/q` }));
  assert.equal(output.Messages?.[0]?.Body, "a & b");
  const call = client.send(new SendMessageCommand({ QueueUrl: `${wire.url}/0/q`, MessageBody: "x" }));
  await assert.rejects(call, { name: "QueueDoesNotExist" });
});

test("queues speak the query protocol to old clients", async () => {
  const form = "Action=ReceiveMessage&Version=2012-11-05&QueueUrl=q&AttributeName.1=All&MessageAttributeName.1=x";
  const response = await fetch(`${open.url}/000000000000/q`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
    body: form,
  });
  const text = await response.text();
  assert.match(
    text,
    /<ReceiveMessageResult><Message><MD5OfBody>\w+<\/MD5OfBody><Body>a &amp; b<\/Body><Attribute><Name>SentTimestamp<\/Name><Value>1</,
  );
  assert.deepEqual((seen["ReceiveMessage"] as { AttributeNames: string[] }).AttributeNames, ["All"]);
});

test("metrics speak JSON and CBOR", async () => {
  const output = await new CloudWatchClient(configuration).send(new ListMetricsCommand({ Namespace: "A" }));
  assert.equal(output.Metrics?.[0]?.MetricName, "b");
  const response = await fetch(`${open.url}/service/GraniteServiceVersion20100801/operation/ListMetrics`, {
    method: "POST",
    headers: { "smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor" },
    body: Buffer.from("bf694e616d657370616365614aff", "hex"),
  });
  assert.equal(response.headers.get("smithy-protocol"), "rpc-v2-cbor");
  assert.deepEqual(seen["ListMetrics"], { Namespace: "J" });
});

test("a body that is too large is refused before it is held", async () => {
  const response = await fetch(open.url, {
    method: "POST",
    headers: { "x-amz-target": "AWSStepFunctions.StartExecution", "content-type": "application/x-amz-json-1.0" },
    body: Buffer.alloc(9 * 2 ** 20, 32),
  });
  assert.equal(response.status, 413);
});
