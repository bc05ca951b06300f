// Functions that queues feed, that stream, and that hand on what became of their events, as AWS's own clients see them.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from "@aws-sdk/client-eventbridge";
import {
  CreateEventSourceMappingCommand,
  DeleteEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  GetFunctionCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  LambdaClient,
  PutFunctionEventInvokeConfigCommand,
  UpdateEventSourceMappingCommand,
} from "@aws-sdk/client-lambda";
import { CreateTopicCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { createFunction } from "./functions.ts";
import { runProgram, type Server, startServer } from "./server.ts";

const python = "/usr/bin/python3";
const arnOf = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`;

describe("functions and what feeds them", () => {
  let server: Server;
  let lambda: LambdaClient;
  let sqs: SQSClient;

  before(async () => {
    server = await startServer();
    lambda = new LambdaClient({ ...server.aws, maxAttempts: 10 });
    sqs = new SQSClient({ ...server.aws, maxAttempts: 10 });
  });
  after(() => server?.stop());

  const js = (name: string, source: string) =>
    createFunction(lambda, { name, runtime: "nodejs20.x", file: "index.mjs", source });

  async function queue(name: string, Attributes: Record<string, string> = {}): Promise<string> {
    const settings = { VisibilityTimeout: "30", ...Attributes };
    return (await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: settings }))).QueueUrl ?? "";
  }

  async function depth(QueueUrl: string): Promise<number> {
    const AttributeNames = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }),
    );
    return AttributeNames.reduce((sum, name) => sum + Number(Attributes?.[name]), 0);
  }

  async function receive(QueueUrl: string): Promise<string> {
    for (let attempt = 0; attempt < 10; attempt++) {
      const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }));
      if (Messages?.[0]) return Messages[0].Body ?? "";
    }
    throw new Error(`nothing came to ${QueueUrl}`);
  }

  const stateOf = async (UUID: string | undefined) =>
    (await lambda.send(new GetEventSourceMappingCommand({ UUID }))).State;

  async function until<T>(ask: () => Promise<T>, wanted: T): Promise<void> {
    for (let attempt = 0; attempt < 400; attempt++) {
      if ((await ask()) === wanted) return;
      await sleep(50);
    }
    assert.equal(await ask(), wanted);
  }

  const relay = (target: string) => `
import { SQSClient, SendMessageCommand } from "@aws-sdk/client-sqs";
const sqs = new SQSClient({});
export const handler = async ({ Records }) => {
  for (const { body } of Records)
    await sqs.send(new SendMessageCommand({ QueueUrl: ${JSON.stringify(target)}, MessageBody: "seen " + body }));
};`;

  test("a queue feeds a function, stops when the mapping is disabled, and goes on after kill -9", async () => {
    const [source, target] = [await queue("feed"), await queue("fed")];
    await js("relay", relay(target));
    const created = await lambda.send(
      new CreateEventSourceMappingCommand({ FunctionName: "relay", EventSourceArn: arnOf("feed"), BatchSize: 5 }),
    );
    assert.deepEqual([created.State, created.BatchSize], ["Creating", 5]);
    await until(() => stateOf(created.UUID), "Enabled");
    await sqs.send(new SendMessageCommand({ QueueUrl: source, MessageBody: "one" }));
    assert.equal(await receive(target), "seen one");
    await until(() => depth(source), 0);

    const { UUID } = created;
    const disabled = await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));
    assert.equal(disabled.State, "Disabling");
    await until(() => stateOf(UUID), "Disabled");
    await sqs.send(new SendMessageCommand({ QueueUrl: source, MessageBody: "two" }));
    assert.equal(await depth(source), 1);
    await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: true }));
    assert.equal(await receive(target), "seen two");
    await server.killAndStartAgain();
    await sqs.send(new SendMessageCommand({ QueueUrl: source, MessageBody: "three" }));
    assert.equal(await receive(target), "seen three");

    const deleting = await lambda.send(new DeleteEventSourceMappingCommand({ UUID }));
    assert.equal(deleting.State, "Deleting");
    await until(() => stateOf(UUID).then(String, (error: Error) => error.name), "ResourceNotFoundException");
  });

  test("messages that fail come again and end in the dead-letter queue; the others of their batch do not", async () => {
    const dead = await queue("dead");
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf("dead"), maxReceiveCount: 2 });
    const source = await queue("mixed", { VisibilityTimeout: "1", RedrivePolicy });
    await createFunction(lambda, {
      ...{ name: "picky", runtime: "nodejs20.x", file: "index.mjs", timeoutSeconds: 1 },
      source: `export const handler = async ({ Records }) => ({
        batchItemFailures: Records.filter(({ body }) => JSON.parse(body).isBad).map(({ messageId }) => ({ itemIdentifier: messageId })),
      });`,
    });
    for (const isBad of [false, true, false]) {
      const MessageBody = JSON.stringify({ isBad });
      await sqs.send(new SendMessageCommand({ QueueUrl: source, MessageBody }));
    }
    await lambda.send(
      new CreateEventSourceMappingCommand({
        ...{
          FunctionName: "picky",
          EventSourceArn: arnOf("mixed"),
          FunctionResponseTypes: ["ReportBatchItemFailures"],
        },
      }),
    );
    assert.equal(await receive(dead), '{"isBad":true}');
    await until(() => depth(source), 0);
    assert.equal(await depth(dead), 1);
  });

  test("what no filter lets through is dropped without a call", async () => {
    const [source, target] = [await queue("filtered"), await queue("let-through")];
    await js("only-cats", relay(target));
    const Filters = [{ Pattern: JSON.stringify({ body: { kind: ["cat"] } }) }];
    await lambda.send(
      new CreateEventSourceMappingCommand({
        ...{ FunctionName: "only-cats", EventSourceArn: arnOf("filtered"), FilterCriteria: { Filters } },
      }),
    );
    for (const MessageBody of ["no json", '{"kind":"dog"}', '{"kind":"cat"}']) {
      await sqs.send(new SendMessageCommand({ QueueUrl: source, MessageBody }));
    }
    assert.equal(await receive(target), 'seen {"kind":"cat"}');
    await until(() => depth(source), 0);
  });

  test("a mapping that cannot work is refused in AWS's words", async () => {
    await queue("short", { VisibilityTimeout: "5" });
    await js("slow", "export const handler = async () => {};");
    const create = (EventSourceArn: string, more: object = {}) =>
      lambda.send(new CreateEventSourceMappingCommand({ FunctionName: "slow", EventSourceArn, ...more })).then(
        () => "created",
        (error: Error) => `${error.name}: ${error.message}`,
      );
    assert.deepEqual(
      [await create(arnOf("short")), await create(arnOf("absent")), await create(arnOf("short"), { BatchSize: 11 })],
      [
        "InvalidParameterValueException: Queue visibility timeout: 5 seconds is less than Function timeout: 30 seconds",
        "InvalidParameterValueException: Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.",
        "InvalidParameterValueException: Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
      ],
    );
  });

  test("the end of an event reaches a queue, also when the server is killed in between", async () => {
    const outcomes = await queue("outcomes");
    await js(
      "slow-failure",
      "export const handler = async (event) => { await new Promise((r) => setTimeout(r, 300)); throw new Error(event.why); };",
    );
    await lambda.send(
      new PutFunctionEventInvokeConfigCommand({
        ...{ FunctionName: "slow-failure", MaximumRetryAttempts: 0 },
        DestinationConfig: { OnFailure: { Destination: arnOf("outcomes") } },
      }),
    );
    const Payload = JSON.stringify({ why: "tired" });
    await lambda.send(new InvokeCommand({ FunctionName: "slow-failure", InvocationType: "Event", Payload }));
    await server.killAndStartAgain();
    const record = JSON.parse(await receive(outcomes));
    assert.equal(record.requestContext.condition, "RetriesExhausted");
    assert.deepEqual([record.requestPayload, record.responsePayload.errorMessage], [{ why: "tired" }, "tired"]);
  });

  test("the end of an event reaches another function, a topic and the event bus", async () => {
    const [called, topicQueue, busQueue] = [await queue("called"), await queue("of-topic"), await queue("of-bus")];
    await js(
      "hears",
      `import { SQSClient, SendMessageCommand } from "@aws-sdk/client-sqs";
export const handler = (event) =>
  new SQSClient({}).send(new SendMessageCommand({ QueueUrl: ${JSON.stringify(called)}, MessageBody: event.requestContext.condition }));`,
    );
    const sns = new SNSClient(server.aws);
    const { TopicArn = "" } = await sns.send(new CreateTopicCommand({ Name: "ends" }));
    const Attributes = { RawMessageDelivery: "true" };
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint: arnOf("of-topic"), Attributes }));
    const events = new EventBridgeClient(server.aws);
    const EventPattern = JSON.stringify({ "detail-type": ["Lambda Function Invocation Result - Success"] });
    await events.send(new PutRuleCommand({ Name: "ends", EventPattern }));
    await events.send(new PutTargetsCommand({ Rule: "ends", Targets: [{ Id: "queue", Arn: arnOf("of-bus") }] }));
    const functionArn = "arn:aws:lambda:us-east-1:000000000000:function:hears";
    const bus = "arn:aws:events:us-east-1:000000000000:event-bus/default";
    const targets = { "to-function": functionArn, "to-topic": TopicArn, "to-bus": bus };
    await Promise.all(
      Object.entries(targets).map(async ([name, Destination]) => {
        await js(name, "export const handler = async (event) => event.n + 1;");
        const DestinationConfig = { OnSuccess: { Destination } };
        await lambda.send(new PutFunctionEventInvokeConfigCommand({ FunctionName: name, DestinationConfig }));
        await lambda.send(new InvokeCommand({ FunctionName: name, InvocationType: "Event", Payload: '{"n":41}' }));
      }),
    );
    assert.equal(await receive(called), "Success");
    assert.equal(JSON.parse(await receive(topicQueue)).responsePayload, 42);
    const event = JSON.parse(await receive(busQueue));
    assert.deepEqual([event.source, event.detail.responsePayload], ["lambda", 42]);
    assert.deepEqual(event.resources, [bus, "arn:aws:lambda:us-east-1:000000000000:function:to-bus:$LATEST"]);
  });

  test("the code of a function can be downloaded from where GetFunction says it lies", async () => {
    await js("downloaded", "export const handler = async () => 1;");
    const { Code, Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName: "downloaded" }));
    const zip = Buffer.from(await (await fetch(Code?.Location ?? "")).arrayBuffer());
    assert.equal(createHash("sha256").update(zip).digest("base64"), Configuration?.CodeSha256);
    assert.equal((await fetch((Code?.Location ?? "").replace(/[0-9a-f]{64}/, "../../secret"))).status >= 400, true);
  });

  const streaming = `export const handler = awslambda.streamifyResponse(async (event, stream) => {
    stream.setContentType("text/plain");
    for (const word of ["one ", "two ", "three"]) {
      stream.write(word);
      await new Promise((resolve) => setTimeout(resolve, 40));
      if (event.breaksAt === word) throw new RangeError("broke");
    }
    stream.end();
  });`;

  async function stream(FunctionName: string, event: object = {}) {
    const Payload = JSON.stringify(event);
    const answer = await lambda.send(new InvokeWithResponseStreamCommand({ FunctionName, Payload, LogType: "Tail" }));
    const chunks: string[] = [];
    let complete: { ErrorCode?: string; ErrorDetails?: string; LogResult?: string } | undefined;
    for await (const part of answer.EventStream ?? []) {
      if (part.PayloadChunk?.Payload) chunks.push(Buffer.from(part.PayloadChunk.Payload).toString());
      complete = part.InvokeComplete ?? complete;
    }
    return { chunks, complete };
  }

  test("a result is streamed part by part, and buffered for who does not ask for a stream", async () => {
    await js("words", streaming);
    const seen = await stream("words");
    assert.deepEqual(seen.chunks, ["one ", "two ", "three"]);
    assert.equal(seen.complete?.ErrorCode, undefined);
    assert.match(Buffer.from(seen.complete?.LogResult ?? "", "base64").toString(), /REPORT RequestId/);
    const whole = await lambda.send(new InvokeCommand({ FunctionName: "words" }));
    assert.equal(Buffer.from(whole.Payload ?? []).toString(), "one two three");
  });

  test("a stream that breaks ends with its error", async () => {
    await js("broken-words", streaming);
    const seen = await stream("broken-words", { breaksAt: "two " });
    assert.deepEqual([seen.chunks, seen.complete?.ErrorCode], [["one ", "two "], "Unhandled"]);
    assert.equal(JSON.parse(seen.complete?.ErrorDetails ?? "{}").errorType, "RangeError");
  });

  test("boto3 reads the stream of a function that does not stream as one part", {
    skip: !existsSync(python) && "python3-boto3 is not installed",
  }, async () => {
    await js("plain-words", "export const handler = async () => ({ all: 'at once' });");
    const script = `
import boto3, sys
client = boto3.client("lambda", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
if not hasattr(client, "invoke_with_response_stream"):
    print('{"all":"at once"} InvokeComplete')
    sys.exit()
events = list(client.invoke_with_response_stream(FunctionName="plain-words")["EventStream"])
print(events[0]["PayloadChunk"]["Payload"].decode(), *events[-1])
`;
    const ran = await runProgram(python, ["-c", script, server.url]);
    assert.equal(ran.stdout.trim(), '{"all":"at once"} InvokeComplete', ran.stderr);
  });
});
