import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { Fault } from "../../../kit/fault.ts";
import { setUpService } from "../testing/service.ts";

const roleArn = "arn:aws:iam::111111111111:role/role";
const invoke = { Type: "Task", Resource: "arn:aws:states:::lambda:invoke", Parameters: { "FunctionName.$": "$.name" } };
const map = {
  Type: "Map",
  ItemsPath: "$.values",
  ItemProcessor: {
    ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "EXPRESS" },
    StartAt: "Each",
    States: { Each: { Type: "Pass", End: true } },
  },
  End: true,
};

async function testState(input: { definition: object; [member: string]: unknown }, options = {}) {
  const service = setUpService(options);
  const { input: given, ...rest } = input;
  const texts = {
    definition: JSON.stringify(input.definition),
    ...(given === undefined ? {} : { input: JSON.stringify(given) }),
  };
  try {
    return await service.call("TestState", { ...rest, ...texts });
  } finally {
    await service.close();
  }
}

test("a Task without a mock really calls its integration", async () => {
  const functions = { double: () => ({ is: "real" }) };
  const answer = await testState(
    { definition: { ...invoke, Next: "Later" }, input: { name: "double" }, roleArn },
    { functions },
  );
  assert.deepEqual(
    { status: answer.status, next: answer.nextState, payload: JSON.parse(answer.output).Payload },
    { status: "SUCCEEDED", next: "Later", payload: { is: "real" } },
  );
});

test("a failing integration is told with its error, and whether it would be retried", async () => {
  const Retry = [{ ErrorEquals: ["Lambda.ResourceNotFoundException"], IntervalSeconds: 4 }];
  const definition = { ...invoke, Retry, End: true };
  const answer = await testState({ definition, input: { name: "nobody" }, roleArn, inspectionLevel: "DEBUG" });
  assert.equal(answer.status, "RETRIABLE");
  assert.equal(answer.error, "Lambda.ResourceNotFoundException");
  assert.deepEqual(answer.inspectionData.errorDetails, { retryIndex: 0, retryBackoffIntervalSeconds: 4 });
});

test("a Wait really waits", async () => {
  const service = setUpService();
  const definition = JSON.stringify({ Type: "Wait", Seconds: 30, Next: "Later" });
  const answered = service.call("TestState", { definition });
  await service.clock.advance(30_000);
  const { status, nextState } = await answered;
  await service.close();
  assert.deepEqual({ status, nextState }, { status: "SUCCEEDED", nextState: "Later" });
});

test("what takes longer than five minutes times out", async () => {
  const service = setUpService();
  const answered = service.call("TestState", {
    definition: JSON.stringify({ Type: "Wait", Seconds: 3_600, End: true }),
  });
  await service.clock.advance(300_000);
  const { status, error } = await answered;
  await service.close();
  assert.deepEqual({ status, error }, { status: "FAILED", error: "States.Timeout" });
});

test("a function that outlasts the task's own timeout fails with States.Timeout", async () => {
  const service = setUpService({ functions: { slow: () => new Promise(() => {}) } });
  const definition = JSON.stringify({ ...invoke, TimeoutSeconds: 5, End: true });
  const answered = service.call("TestState", { definition, input: '{"name":"slow"}', roleArn });
  await service.clock.advance(5_000);
  const { status, error } = await answered;
  await service.close();
  assert.deepEqual({ status, error }, { status: "FAILED", error: "States.Timeout" });
});

test("a mocked error is caught once its retries are used up", async () => {
  const definition = {
    ...invoke,
    Retry: [{ ErrorEquals: ["Busy"], MaxAttempts: 2 }],
    Catch: [
      { ErrorEquals: ["Other"], Next: "No" },
      { ErrorEquals: ["Busy"], ResultPath: "$.error", Next: "Yes" },
    ],
    End: true,
  };
  const answer = await testState({
    definition,
    input: { name: "f" },
    inspectionLevel: "DEBUG",
    mock: { errorOutput: { error: "Busy", cause: "too many" } },
    stateConfiguration: { retrierRetryCount: 2 },
  });
  assert.equal(answer.status, "CAUGHT_ERROR");
  assert.equal(answer.nextState, "Yes");
  assert.deepEqual(JSON.parse(answer.output), { name: "f", error: { Error: "Busy", Cause: "too many" } });
  assert.deepEqual(answer.inspectionData.errorDetails, { catchIndex: 1 });
});

test("a mistake in the state is told with the place that an execution would name", async () => {
  const definition = { Type: "Pass", Parameters: { "a.$": "$.missing" }, End: true };
  const answer = await testState({ definition, input: {} });
  assert.equal(answer.status, "FAILED");
  assert.equal(
    answer.cause,
    "An error occurred while executing the state 'StateName' (entered at the event id #2). The JSONPath '$.missing' specified for the field 'a.$' could not be found in the input '{}'",
  );
});

test("a retrier that backs off without end waits a year at most", async () => {
  const Retry = [{ ErrorEquals: ["E"], MaxAttempts: 99_999_999, BackoffRate: 10 }];
  const { inspectionData } = await testState({
    definition: { ...invoke, Retry, End: true },
    input: { name: "f" },
    mock: { errorOutput: { error: "E" } },
    stateConfiguration: { retrierRetryCount: 500 },
    inspectionLevel: "DEBUG",
  });
  assert.equal(inspectionData.errorDetails.retryBackoffIntervalSeconds, 31_622_400);
});

test("a state may go on to one of the name that AWS gives the tested one", async () => {
  const answer = await testState({ definition: { Type: "Pass", Next: "StateName" } });
  assert.equal(answer.nextState, "StateName");
});

test("variables given and assigned are shown together", async () => {
  const definition = { Type: "Pass", Assign: { "b.$": "$a" }, End: true };
  const answer = await testState({ definition, variables: '{"a":1}', inspectionLevel: "DEBUG" });
  assert.deepEqual(JSON.parse(answer.inspectionData.variables), { a: 1, b: 1 });
});

test("a Map shows what its iterations would be given", async () => {
  const definition = {
    ...map,
    ItemSelector: { "item.$": "$$.Map.Item.Value", "all.$": "$.name" },
    ItemBatcher: { MaxItemsPerBatch: 2 },
    ToleratedFailurePercentage: 50,
    MaxConcurrency: 7,
  };
  const input = { name: "n", values: [1, 2, 3] };
  const { inspectionData } = await testState({
    definition,
    input,
    mock: { result: "[1,2]" },
    inspectionLevel: "TRACE",
  });
  const selected = [1, 2, 3].map((item) => ({ item, all: "n" }));
  assert.deepEqual(
    {
      ...inspectionData,
      afterItemSelector: JSON.parse(inspectionData.afterItemSelector),
      afterItemBatcher: JSON.parse(inspectionData.afterItemBatcher),
    },
    {
      input: JSON.stringify(input),
      afterInputPath: JSON.stringify(input),
      afterItemsPath: "[1,2,3]",
      afterItemSelector: selected,
      afterItemBatcher: [{ Items: selected.slice(0, 2) }, { Items: selected.slice(2) }],
      maxConcurrency: 7,
      toleratedFailurePercentage: 50,
      afterResultSelector: "[1,2]",
      afterResultPath: "[1,2]",
    },
  );
});

test("the items of a Map with a reader are those in the data given", async () => {
  const ItemReader = {
    Resource: "arn:aws:states:::s3:getObject",
    ReaderConfig: { InputType: "CSV", CSVHeaderLocation: "FIRST_ROW" },
    Parameters: { Bucket: "b", Key: "k" },
  };
  const { inspectionData } = await testState({
    definition: { ...map, ItemReader, ItemSelector: { "row.$": "$$.Map.Item.Value" } },
    mock: { result: "[]" },
    stateConfiguration: { mapItemReaderData: "id,name\n1,cat\n2,dog\n", mapIterationFailureCount: 2 },
    inspectionLevel: "DEBUG",
  });
  assert.deepEqual(JSON.parse(inspectionData.afterItemSelector), [
    { row: { id: "1", name: "cat" } },
    { row: { id: "2", name: "dog" } },
  ]);
});

test("a state nested in another one is found by its name", async () => {
  const answer = await testState({ definition: { StartAt: "M", States: { M: map } }, stateName: "Each", input: 5 });
  assert.equal(answer.output, "5");
});

const refusals: [string, object, string][] = [
  [
    "more failed iterations than items",
    {
      definition: map,
      input: { values: [1] },
      mock: { result: "[]" },
      stateConfiguration: { mapIterationFailureCount: 2 },
    },
    "Map iteration failure count must be less than or equal to the number of Map iterations",
  ],
  [
    "a Task without a role",
    { definition: { ...invoke, End: true } },
    "RoleArn must be specified when testing a Task state",
  ],
  [
    "a context without a mock",
    { definition: { Type: "Pass", End: true }, context: "{}" },
    "TestState does not support Context when a mock is not specified.",
  ],
  [
    "a mock of nothing",
    { definition: { ...invoke, End: true }, mock: {} },
    "A test mock should have only one of the following fields: [result, errorOutput].",
  ],
  [
    "a context with an unknown member",
    { definition: { ...invoke, End: true }, mock: { result: "1" }, context: '{"Pokedex":{}}' },
    "Invalid Context object provided: Field 'Pokedex' is not allowed",
  ],
  [
    "a context with an unknown inner member",
    { definition: { ...invoke, End: true }, mock: { result: "1" }, context: '{"Execution":{"x":1}}' },
    "Invalid Context object provided: Field 'x' is not allowed",
  ],
  [
    "a context with a wrong type",
    { definition: { ...invoke, End: true }, mock: { result: "1" }, context: '{"Execution":{"Id":1}}' },
    "Invalid Context object provided: Execution.Id must be a string",
  ],
  [
    "a context with a Map",
    { definition: { ...invoke, End: true }, mock: { result: "1" }, context: '{"Map":{}}' },
    "Invalid Context object provided: 'Map' field is not supported when mocking a Context object",
  ],
  [
    "a state that is not there as the source of an error",
    { definition: map, mock: { errorOutput: { error: "E" } }, stateConfiguration: { errorCausedByState: "Nowhere" } },
    "State not found in definition",
  ],
  [
    "an enumerated member of another value",
    {
      definition: { Type: "Task", Resource: "arn:aws:states:::sagemaker:createTrainingJob.sync", End: true },
      mock: { result: '{"TrainingJobStatus":"Running"}', fieldValidationMode: "PRESENT" },
    },
    "Mock result schema validation error: Field 'TrainingJobStatus' is not an expected value",
  ],
];
for (const [what, input, message] of refusals) {
  test(`${what} is refused`, async () => {
    await assert.rejects(testState(input as { definition: object }), (error) => {
      return error instanceof Fault && error.code === "ValidationException" && error.message === message;
    });
  });
}

const script = join(import.meta.dirname, "..", "..", "..", "..", "scripts", "extract-response-shapes.py");
const checked = spawnSync("python3", [script, "--check"], { encoding: "utf8" });

test(
  "the shapes of responses are those of AWS's models",
  {
    skip:
      checked.status === null || checked.status === 77 || /No module named/.test(checked.stderr)
        ? `no botocore: ${checked.stderr}`
        : false,
  },
  () => assert.equal(checked.status, 0, checked.stderr),
);
