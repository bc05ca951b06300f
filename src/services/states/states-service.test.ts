import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import { chain, setUpMachines, single } from "./testing/service.ts";

const role = "arn:aws:iam::111111111111:role/sfn-role";
const invoke = "arn:aws:states:::lambda:invoke";
const prefix = "arn:aws:states:us-east-1:111111111111";

test("a chain of functions has the seventeen events of the real exports", async () => {
  const { call, run } = setUpMachines({
    functions: { one: () => ({ n: 1 }), two: () => ({ n: 2 }), three: () => ({ n: 3 }) },
  });
  const description = await run(chain("one", "two", "three"));
  assert.equal(description.status, "SUCCEEDED");
  const { events } = await call("GetExecutionHistory", { executionArn: description.executionArn });
  const five = ["TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited"];
  assert.deepEqual(
    events.map(({ type }: { type: string }) => type),
    ["ExecutionStarted", ...five, ...five, ...five, "ExecutionSucceeded"],
  );
  assert.deepEqual(
    events.map(({ previousEventId }: { previousEventId: number }) => previousEventId),
    [0, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  );
});

test("the result of lambda:invoke has AWS's members in AWS's order", async () => {
  const { run } = setUpMachines({ functions: { one: () => ({ n: 1 }) } });
  const output = JSON.parse((await run(chain("one"))).output);
  assert.deepEqual(Object.keys(output), [
    "ExecutedVersion",
    "Payload",
    "SdkHttpMetadata",
    "SdkResponseMetadata",
    "StatusCode",
  ]);
  assert.deepEqual(Object.keys(output.SdkHttpMetadata), ["AllHttpHeaders", "HttpHeaders", "HttpStatusCode"]);
  assert.deepEqual(output.Payload, { n: 1 });
});

test("a payload that is JSON text reaches the function as that JSON", async () => {
  const seen: Json[] = [];
  const { run } = setUpMachines({ functions: { one: (event) => seen.push(event) } });
  const payloads = ['{"a":1}', "plain", '"quoted"', null];
  for (const Payload of payloads) await run(single({ Resource: invoke, Parameters: { FunctionName: "one", Payload } }));
  assert.deepEqual(seen, [{ a: 1 }, "plain", "quoted", {}]);
});

test("a handler's exception fails the execution under its own name", async () => {
  const { call, run } = setUpMachines({
    functions: {
      one() {
        throw new TypeError("THRESHOLD_CONFIDENCE_NOT_MET");
      },
    },
  });
  const description = await run(chain("one"));
  assert.deepEqual(
    [description.status, description.error, description.redriveStatus],
    ["FAILED", "TypeError", "REDRIVABLE"],
  );
  assert.equal(JSON.parse(description.cause).errorMessage, "THRESHOLD_CONFIDENCE_NOT_MET");
  const { events } = await call("GetExecutionHistory", { executionArn: description.executionArn, reverseOrder: true });
  assert.deepEqual(
    events.slice(0, 2).map(({ type }: { type: string }) => type),
    ["ExecutionFailed", "TaskFailed"],
  );
});

test("a function that is not there fails in the words of the SDK", async () => {
  const { run } = setUpMachines();
  const { error, cause } = await run(chain("missing"));
  assert.equal(error, "Lambda.ResourceNotFoundException");
  assert.match(
    cause,
    /^Function not found: missing:\$LATEST \(Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: \S+; Proxy: null\)$/,
  );
});

test("throttling is retried as the usual Retry block asks", async () => {
  let calls = 0;
  const { run } = setUpMachines({
    functions: {
      one() {
        calls += 1;
        if (calls < 3) throw new Fault("TooManyRequestsException", "Rate Exceeded.", { status: 429 });
        return "done";
      },
    },
  });
  const retry = [{ ErrorEquals: ["Lambda.TooManyRequestsException"], IntervalSeconds: 2, MaxAttempts: 6 }];
  const { status } = await run(
    single({
      Resource: invoke,
      Parameters: { FunctionName: "one" },
      Retry: retry,
      ResultSelector: { "p.$": "$.Payload" },
    }),
  );
  assert.deepEqual([status, calls], ["SUCCEEDED", 3]);
});

test("a function's ARN as the resource gives and takes the payload itself", async () => {
  const { run } = setUpMachines({ functions: { one: (event) => ({ got: event }) } });
  const resource = "arn:aws:lambda:eu-west-1:999999999999:function:one";
  const { output } = await run(single({ Resource: resource }), { x: 1 });
  assert.deepEqual(JSON.parse(output), { got: { x: 1 } });
});

test("many images go through a Map at once, and failures of single ones are caught", async () => {
  const { run } = setUpMachines({
    functions: {
      classify(event) {
        if ((event as { n: number }).n % 3 === 0) throw new RangeError("too low");
        return (event as { n: number }).n;
      },
    },
  });
  const item = {
    StartAt: "Classify",
    States: {
      Classify: {
        Type: "Task",
        Resource: invoke,
        Parameters: { FunctionName: "classify", "Payload.$": "$" },
        OutputPath: "$.Payload",
        Catch: [{ ErrorEquals: ["RangeError"], ResultPath: "$.error", Next: "Low" }],
        End: true,
      },
      Low: { Type: "Pass", Result: "low", End: true },
    },
  };
  const definition = {
    StartAt: "All",
    States: { All: { Type: "Map", ItemsPath: "$.items", ItemProcessor: item, End: true } },
  };
  const items = Array.from({ length: 60 }, (_, n) => ({ n }));
  const { status, output } = await run(definition, { items });
  assert.equal(status, "SUCCEEDED");
  assert.deepEqual(
    JSON.parse(output),
    items.map(({ n }) => (n % 3 === 0 ? "low" : n)),
  );
});

test("a failed execution that is redriven goes on from its failed state under the same ARN", async () => {
  let isBroken = true;
  const ran: string[] = [];
  const { call, run, clock } = setUpMachines({
    functions: {
      one: () => ran.push("one"),
      two() {
        ran.push("two");
        if (isBroken) throw new TypeError("broken");
        return "mended";
      },
    },
  });
  const { executionArn } = await run(chain("one", "two"));
  isBroken = false;
  await call("RedriveExecution", { executionArn });
  await clock.advance(1_000);
  const description = await call("DescribeExecution", { executionArn });
  assert.deepEqual([description.status, description.redriveCount, ran], ["SUCCEEDED", 1, ["one", "two", "two"]]);
  const { events } = await call("GetExecutionHistory", { executionArn });
  const redriven = events.findIndex(({ type }: { type: string }) => type === "ExecutionRedriven");
  assert.deepEqual(events[redriven].executionRedrivenEventDetails, { redriveCount: 1 });
  assert.deepEqual(
    events.map(({ id }: { id: number }) => id),
    events.map((_event: unknown, index: number) => index + 1),
  );
});

test("a redrive that is asked for again with its token is the same redrive", async () => {
  const { call, run, clock } = setUpMachines({
    functions: {
      one() {
        throw new TypeError("broken");
      },
    },
  });
  const { executionArn } = await run(chain("one"));
  const first = await call("RedriveExecution", { executionArn, clientToken: "a" });
  await clock.advance(1_000);
  const again = await call("RedriveExecution", { executionArn, clientToken: "a" });
  const { redriveCount } = await call("DescribeExecution", { executionArn });
  await call("RedriveExecution", { executionArn, clientToken: "b" });
  const after = await call("DescribeExecution", { executionArn });
  assert.deepEqual(again, first);
  assert.deepEqual([redriveCount, after.redriveCount], [1, 2]);
});

test("the start and the end of an execution are announced", async () => {
  const { run, announced, clock } = setUpMachines({ functions: { one: () => null } });
  const { executionArn, stateMachineArn, name } = await run(chain("one"), { a: 1 });
  await clock.advance(0);
  assert.deepEqual(
    announced.map(({ detail }) => detail["status"]),
    ["RUNNING", "SUCCEEDED"],
  );
  const last = announced.at(-1);
  assert.equal(last?.detailType, "Step Functions Execution Status Change");
  assert.deepEqual(last?.resources, [executionArn]);
  const { detail } = last as NonNullable<typeof last>;
  assert.deepEqual(
    [detail["stateMachineArn"], detail["name"], detail["input"], detail["inputDetails"]],
    [stateMachineArn, name, '{"a":1}', { included: true }],
  );
});

test("sns:publish sends a message and answers with metadata; its faults carry SDK 1 texts", async () => {
  const sent: unknown[] = [];
  const publish = (input: Record<string, unknown>) => {
    if (input["TopicArn"] === "missing") throw new Fault("NotFoundException", "Topic does not exist", { status: 404 });
    sent.push(input["Message"]);
    return { MessageId: "id" };
  };
  const { run } = setUpMachines({ operations: { "sns.Publish": publish } });
  const task = (TopicArn: string) =>
    single({ Resource: "arn:aws:states:::sns:publish", Parameters: { TopicArn, Message: { a: 1 } } });
  const good = JSON.parse((await run(task("topic"))).output);
  assert.deepEqual([sent, Object.keys(good)], [['{"a":1}'], ["MessageId", "SdkHttpMetadata", "SdkResponseMetadata"]]);
  const bad = await run(task("missing"));
  assert.equal(bad.error, "SNS.NotFoundException");
  assert.match(
    bad.cause,
    /^Topic does not exist \(Service: AmazonSNS; Status Code: 404; Error Code: NotFound; Request ID: \S+; Proxy: null\)$/,
  );
});

test("aws-sdk tasks answer the output alone: bytes as text, dates as ISO", async () => {
  const { run } = setUpMachines({
    operations: {
      "s3.GetObject": () => ({ Body: Buffer.from("text"), LastModified: new Date(0), Missing: undefined }),
      "s3.HeadObject": () => {
        throw new Fault("NoSuchKey", "The specified key does not exist.", { status: 404 });
      },
    },
  });
  const good = await run(
    single({ Resource: "arn:aws:states:::aws-sdk:s3:getObject", Parameters: { Bucket: "b", Key: "k" } }),
  );
  assert.deepEqual(JSON.parse(good.output), { Body: "text", LastModified: "1970-01-01T00:00:00.000Z" });
  const bad = await run(single({ Resource: "arn:aws:states:::aws-sdk:s3:headObject", Parameters: {} }));
  assert.equal(bad.error, "S3.NoSuchKeyException");
  assert.match(bad.cause, /\(Service: S3, Status Code: 404, Request ID: \S+\)/);
});

test("a training job that is waited for is described in the end", async () => {
  const states = ["InProgress", "InProgress", "Completed"];
  const { run } = setUpMachines({
    operations: {
      "sagemaker.CreateTrainingJob": () => ({ TrainingJobArn: "arn" }),
      "sagemaker.DescribeTrainingJob": () => ({ TrainingJobStatus: states.shift() }),
    },
  });
  const resource = "arn:aws:states:::sagemaker:createTrainingJob.sync";
  const { output } = await run(single({ Resource: resource, Parameters: { TrainingJobName: "j" } }));
  assert.deepEqual(JSON.parse(output), { TrainingJobStatus: "Completed" });
});

test("a nested execution is waited for, and its output is JSON with sync:2 and text with sync", async () => {
  const { run, create } = setUpMachines();
  const child = await create({ StartAt: "P", States: { P: { Type: "Pass", Result: { a: 1 }, End: true } } });
  const task = (suffix: string) =>
    single({
      Resource: `arn:aws:states:::states:startExecution${suffix}`,
      Parameters: { StateMachineArn: child, Input: {} },
    });
  assert.deepEqual(JSON.parse((await run(task(".sync:2"))).output).Output, { a: 1 });
  assert.equal(JSON.parse((await run(task(".sync"))).output).Output, '{"a":1}');
  assert.ok(JSON.parse((await run(task(""))).output).ExecutionArn.includes(":execution:"));
});

test("a nested execution that fails fails its parent with its description", async () => {
  const { run, create } = setUpMachines();
  const child = await create({ StartAt: "F", States: { F: { Type: "Fail", Error: "E", Cause: "C" } } });
  const { error, cause } = await run(
    single({ Resource: "arn:aws:states:::states:startExecution.sync:2", Parameters: { StateMachineArn: child } }),
  );
  assert.equal(error, "States.TaskFailed");
  assert.deepEqual([JSON.parse(cause).Status, JSON.parse(cause).Error], ["FAILED", "E"]);
});

test("a stopped execution is aborted with the error that was given", async () => {
  const { start, call, describe } = setUpMachines();
  const executionArn = await start({ StartAt: "W", States: { W: { Type: "Wait", Seconds: 3_600, End: true } } });
  await call("StopExecution", { executionArn, error: "E", cause: "C" });
  const { status, error, cause } = await describe(executionArn);
  assert.deepEqual([status, error, cause], ["ABORTED", "E", "C"]);
  const { events } = await call("GetExecutionHistory", { executionArn });
  assert.deepEqual([events.at(-1).type, events.at(-1).previousEventId], ["ExecutionAborted", 0]);
});

test("an express execution answers at its end and leaves nothing to describe", async () => {
  const { call, create, store } = setUpMachines({ functions: { one: () => ({ n: 1 }) } });
  const stateMachineArn = await create(chain("one"), "EXPRESS");
  const answer = await call("StartSyncExecution", { stateMachineArn, name: "n", input: "{}" });
  assert.deepEqual([answer.status, JSON.parse(answer.output).Payload], ["SUCCEEDED", { n: 1 }]);
  assert.ok(answer.executionArn.startsWith(`${prefix}:express:`));
  assert.equal(answer.billingDetails.billedMemoryUsedInMB, 64);
  assert.deepEqual(store.executions.running({ limit: 9 }), []);
});

test("a resource that nobody here can run is refused when the machine is made", async () => {
  const { create } = setUpMachines();
  await assert.rejects(create(single({ Resource: "arn:aws:states:::dynamodb:putItem", Parameters: {} })), {
    code: "InvalidDefinition",
    message:
      "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The resource provided ARN is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/Only/Resource'",
  });
});

test("history is read in pages, in both directions, with or without data", async () => {
  const { call, run } = setUpMachines({ functions: { one: () => 1 } });
  const { executionArn } = await run(chain("one"));
  const first = await call("GetExecutionHistory", { executionArn, maxResults: 4 });
  const second = await call("GetExecutionHistory", { executionArn, maxResults: 4, nextToken: first.nextToken });
  const ids = [...first.events, ...second.events].map(({ id }: { id: number }) => id);
  assert.deepEqual([ids, second.nextToken], [[1, 2, 3, 4, 5, 6, 7], undefined]);
  const bare = await call("GetExecutionHistory", { executionArn, maxResults: 1, includeExecutionData: false });
  assert.equal(bare.events[0].executionStartedEventDetails.input, undefined);
});

test("a page token of another list is refused", async () => {
  const { call, run } = setUpMachines({ functions: { one: () => 1 } });
  const { executionArn, stateMachineArn } = await run(chain("one"));
  await call("StartExecution", { stateMachineArn });
  const { nextToken } = await call("ListExecutions", { stateMachineArn, maxResults: 1 });
  const others = [
    call("GetExecutionHistory", { executionArn, nextToken }),
    call("ListStateMachines", { nextToken }),
    call("ListExecutions", { stateMachineArn, nextToken, statusFilter: "FAILED" }),
  ];
  await Promise.all(others.map((other) => assert.rejects(other, { code: "InvalidToken" })));
});

test("data is measured in bytes, not in characters", async () => {
  const { call, run } = setUpMachines({ functions: { one: () => 1 } });
  const { stateMachineArn } = await run(chain("one"));
  const input = JSON.stringify("é".repeat(140_000));
  await assert.rejects(call("StartExecution", { stateMachineArn, input }), { code: "ValidationException" });
});

test("an alias leads to the versions of one state machine", async () => {
  const { call } = setUpMachines();
  const definition = JSON.stringify(single({ Resource: invoke, Parameters: { FunctionName: "one" } }));
  const publish = async (name: string) => {
    const created = await call("CreateStateMachine", { name, definition, roleArn: role, publish: true });
    return { stateMachineVersionArn: created.stateMachineVersionArn, weight: 50 };
  };
  const versions = [await publish("a"), await publish("b")];
  await assert.rejects(call("CreateStateMachineAlias", { name: "live", routingConfiguration: versions }), {
    code: "ValidationException",
  });
});
