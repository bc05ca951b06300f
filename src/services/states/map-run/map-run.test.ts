import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import { setUpService } from "../test-service.ts";

type Fields = { [name: string]: Json };

const role = "arn:aws:iam::111111111111:role/sfn-role";
const pass: Fields = { StartAt: "one", States: { one: { Type: "Pass", End: true } } };
const invoke: Fields = {
  StartAt: "one",
  States: {
    one: {
      Type: "Task",
      Resource: "arn:aws:states:::lambda:invoke",
      Parameters: { FunctionName: "one", "Payload.$": "$" },
      OutputPath: "$.Payload",
      End: true,
    },
  },
};

for (const ExecutionType of ["STANDARD", "EXPRESS"]) {
  test(`the items of a distributed Map run as ${ExecutionType} executions of their own, and its output keeps their order`, async () => {
    const { call, run } = setUp({ functions: { one: (event) => (event as number) * 2 } });
    const items = Array.from({ length: 50 }, (_, i) => i);
    const description = await run(distributed(invoke, { Label: "double" }, { ExecutionType }), items);
    assert.equal(description.status, "SUCCEEDED", description.cause);
    assert.deepEqual(
      JSON.parse(description.output),
      items.map((item) => item * 2),
    );
    const { events } = await call("GetExecutionHistory", { executionArn: description.executionArn });
    assert.deepEqual(
      events.map(({ type }: { type: string }) => type),
      [
        "ExecutionStarted",
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
      ],
    );
    const { mapRuns } = await call("ListMapRuns", { executionArn: description.executionArn });
    assert.match(mapRuns[0].stateMachineArn, /:stateMachine:machine\/double$/);
    const mapRun = await call("DescribeMapRun", { mapRunArn: mapRuns[0].mapRunArn });
    assert.equal(mapRun.status, "SUCCEEDED");
    assert.deepEqual(
      [mapRun.itemCounts.succeeded, mapRun.itemCounts.total, mapRun.itemCounts.pending, mapRun.itemCounts.running],
      [50, 50, 0, 0],
    );
  });
}

test("the children of a map run are listed, described and kept apart from the executions of the machine", async () => {
  const { call, run } = setUp();
  const { executionArn } = await run(distributed(pass, { Label: "L" }), ["a", "b", "c"]);
  const { mapRuns } = await call("ListMapRuns", { executionArn });
  const mapRunArn = mapRuns[0].mapRunArn as string;
  const { executions } = await call("ListExecutions", { mapRunArn });
  assert.equal(executions.length, 3);
  for (const child of executions) {
    assert.match(child.executionArn, /:execution:machine\/L:[0-9a-f-]{36}$/);
    const description = await call("DescribeExecution", { executionArn: child.executionArn });
    assert.equal(description.mapRunArn, mapRunArn);
    const { events } = await call("GetExecutionHistory", { executionArn: child.executionArn });
    assert.equal(events.at(-1).type, "ExecutionSucceeded");
    const machine = await call("DescribeStateMachineForExecution", { executionArn: child.executionArn });
    assert.equal(machine.label, "L");
  }
  const ofMachine = await call("ListExecutions", { stateMachineArn: machineArn });
  assert.equal(ofMachine.executions.length, 1);
});

test("no more children run at once than MaxConcurrency, and UpdateMapRun raises it while they run", async () => {
  let running = 0;
  let most = 0;
  const gates: (() => void)[] = [];
  const { call, start, clock } = setUp({
    functions: {
      async one() {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => gates.push(resolve));
        running--;
        return null;
      },
    },
  });
  const executionArn = await start(distributed(invoke, { MaxConcurrency: 2 }), [1, 2, 3, 4, 5, 6]);
  await clock.advance(0);
  assert.deepEqual([running, most], [2, 2]);
  const { mapRuns } = await call("ListMapRuns", { executionArn });
  const { mapRunArn } = mapRuns[0];
  const counts = (await call("DescribeMapRun", { mapRunArn })).itemCounts;
  assert.deepEqual([counts.pending, counts.running], [4, 2]);
  await call("UpdateMapRun", { mapRunArn, maxConcurrency: 5 });
  await clock.advance(0);
  assert.equal(running, 5);
  while (running > 0 || gates.length > 0) {
    for (const open of gates.splice(0)) open();
    await clock.advance(0);
  }
  assert.equal((await call("DescribeMapRun", { mapRunArn })).maxConcurrency, 5);
  assert.equal((await call("DescribeExecution", { executionArn })).status, "SUCCEEDED");
});

test("more failures than are tolerated fail the map run, fewer are left out of its output", async () => {
  const functions = {
    one(event: Json) {
      if ((event as number) % 5 === 0) throw new RangeError("five");
      return event;
    },
  };
  const items = Array.from({ length: 20 }, (_, i) => i);
  const zero = await setUp({ functions }).run(distributed(invoke), items);
  assert.deepEqual([zero.status, zero.error], ["FAILED", "States.ExceedToleratedFailureThreshold"]);
  const three = await setUp({ functions }).run(distributed(invoke, { ToleratedFailureCount: 3 }), items);
  assert.equal(three.error, "States.ExceedToleratedFailureThreshold");
  const ten = await setUp({ functions }).run(distributed(invoke, { ToleratedFailurePercentage: 10 }), items);
  assert.equal(ten.error, "States.ExceedToleratedFailureThreshold");
  const { call, run } = setUp({ functions });
  const fifth = await run(distributed(invoke, { ToleratedFailurePercentage: 20 }), items);
  assert.equal(fifth.status, "SUCCEEDED");
  assert.equal(JSON.parse(fifth.output).length, 16);
  const { mapRuns } = await call("ListMapRuns", { executionArn: fifth.executionArn });
  const { itemCounts } = await call("DescribeMapRun", { mapRunArn: mapRuns[0].mapRunArn });
  assert.deepEqual([itemCounts.succeeded, itemCounts.failed, itemCounts.total], [16, 4, 20]);
});

test("stopping the parent aborts the children that run, and starts no others", async () => {
  const waiting: Fields = { StartAt: "w", States: { w: { Type: "Wait", Seconds: 3_600, End: true } } };
  const { call, start, clock } = setUp();
  const executionArn = await start(distributed(waiting, { MaxConcurrency: 2 }), [1, 2, 3]);
  await clock.advance(0);
  await call("StopExecution", { executionArn });
  await clock.advance(0);
  const { mapRuns } = await call("ListMapRuns", { executionArn });
  const mapRun = await call("DescribeMapRun", { mapRunArn: mapRuns[0].mapRunArn });
  assert.equal(mapRun.status, "ABORTED");
  assert.deepEqual([mapRun.itemCounts.aborted, mapRun.itemCounts.pending], [2, 1]);
  const { executions } = await call("ListExecutions", { mapRunArn: mapRuns[0].mapRunArn });
  assert.deepEqual(
    executions.map(({ status }: { status: string }) => status),
    ["ABORTED", "ABORTED"],
  );
});

test("a run whose parent ended just before the server did is aborted when the server comes back", async () => {
  const waiting: Fields = { StartAt: "w", States: { w: { Type: "Wait", Seconds: 3_600, End: true } } };
  const { start, clock, store, close } = setUp();
  const ItemBatcher = { MaxItemsPerBatch: 2 };
  const executionArn = await start(distributed(waiting, { MaxConcurrency: 2, ItemBatcher }), [1, 2, 3, 4, 5]);
  await clock.advance(0);
  await close();
  // As if the server had died right after this commit.
  const { record, body } = store.executions.load(executionArn.split(":").slice(-2).join(":")) ?? {};
  assert.ok(record !== undefined && body !== undefined);
  const { id, sequence } = record;
  assert.ok(await store.executions.append({ id, sequence, status: "ABORTED", body, events: [] }));
  const next = setUpService({ store, clock });
  await next.engine.recover();
  const { mapRuns } = await next.call("ListMapRuns", { executionArn });
  const mapRun = await next.call("DescribeMapRun", { mapRunArn: mapRuns[0].mapRunArn });
  assert.equal(mapRun.status, "ABORTED");
  assert.deepEqual([mapRun.itemCounts.aborted, mapRun.itemCounts.pending, mapRun.executionCounts.aborted], [4, 1, 2]);
  assert.deepEqual(store.executions.running({ limit: 1 }), []);
});

test("items are read from CSV, JSON and JSONL objects, selected and put into batches", async () => {
  const objects = {
    "a.csv": 'id,text\n1,"a ""quoted"", cell"\r\n2\n\n3,x,y\n',
    "a.jsonl": '{"id":1}\n\n{"id":2}\n',
    "a.json": '{"list":[1,2,3]}',
  };
  const read = async (Key: string, ReaderConfig: Fields, more: Fields = {}) => {
    const { run } = setUp({ objects });
    const ItemReader = {
      Resource: "arn:aws:states:::s3:getObject",
      ReaderConfig,
      Parameters: { Bucket: "b", "Key.$": "$.key" },
    };
    const { status, output, cause } = await run(distributed(pass, { ItemReader, ...more }), { key: Key, n: 2 });
    assert.equal(status, "SUCCEEDED", cause);
    return JSON.parse(output);
  };
  assert.deepEqual(await read("a.csv", { InputType: "CSV", CSVHeaderLocation: "FIRST_ROW" }), [
    { id: "1", text: 'a "quoted", cell' },
    { id: "2", text: "" },
    { id: "3", text: "x" },
  ]);
  assert.deepEqual(await read("a.jsonl", { InputType: "JSONL" }), [{ id: 1 }, { id: 2 }]);
  assert.deepEqual(await read("a.json", { InputType: "JSON", ItemsPointer: "/list", MaxItemsPath: "$.n" }), [1, 2]);
  const ItemSelector = { "value.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index", "n.$": "$.n" };
  assert.deepEqual(await read("a.jsonl", { InputType: "JSONL" }, { ItemSelector }), [
    { value: { id: 1 }, index: 0, n: 2 },
    { value: { id: 2 }, index: 1, n: 2 },
  ]);
  const ItemBatcher = { MaxItemsPerBatchPath: "$.n", BatchInput: { "from.$": "$.key" } };
  assert.deepEqual(await read("a.json", { InputType: "JSON", ItemsPointer: "/list" }, { ItemBatcher }), [
    { BatchInput: { from: "a.json" }, Items: [1, 2] },
    { BatchInput: { from: "a.json" }, Items: [3] },
  ]);
});

test("the objects of a bucket are items", async () => {
  const { run } = setUp({ objects: { "p/1": "x", "p/2": "yy", other: "" } });
  const ItemReader = {
    Resource: "arn:aws:states:::s3:listObjectsV2",
    Parameters: { Bucket: "b", Prefix: "p/" },
  };
  const { output } = await run(distributed(pass, { ItemReader }), {});
  assert.deepEqual(
    JSON.parse(output).map(({ Key, Size }: { Key: string; Size: number }) => [Key, Size]),
    [
      ["p/1", 1],
      ["p/2", 2],
    ],
  );
});

test("an object that is not there fails the state as a reader's failure, which it may catch", async () => {
  const ItemReader = {
    Resource: "arn:aws:states:::s3:getObject",
    ReaderConfig: { InputType: "JSON" },
    Parameters: { Bucket: "b", Key: "missing" },
  };
  const failed = await setUp().run(distributed(pass, { ItemReader }), {});
  assert.equal(failed.error, "States.ItemReaderFailed");
  assert.match(failed.cause, /The specified key does not exist/);
});

test("a ResultWriter's files hold what the children answered, and the state answers where they are", async () => {
  const objects: Record<string, string> = {};
  const functions = {
    one(event: Json) {
      if (event === 2) throw new RangeError("two");
      return event;
    },
  };
  const { run } = setUp({ objects, functions });
  const ResultWriter = {
    Resource: "arn:aws:states:::s3:putObject",
    Parameters: { Bucket: "b", Prefix: "results" },
  };
  const { status, output } = await run(distributed(invoke, { ResultWriter, ToleratedFailureCount: 1 }), [1, 2, 3]);
  assert.equal(status, "SUCCEEDED");
  const { MapRunArn, ResultWriterDetails } = JSON.parse(output);
  assert.equal(ResultWriterDetails.Bucket, "b");
  assert.match(ResultWriterDetails.Key, /^results\/[0-9a-f-]{36}\/manifest\.json$/);
  const manifest = JSON.parse(objects[ResultWriterDetails.Key] as string);
  assert.equal(manifest.MapRunArn, MapRunArn);
  const [succeeded, failed] = ["SUCCEEDED", "FAILED"].map((kind) => {
    const [{ Key, Size }] = manifest.ResultFiles[kind];
    assert.equal(Buffer.byteLength(objects[Key] as string), Size);
    return JSON.parse(objects[Key] as string);
  });
  assert.deepEqual(
    succeeded.map(({ Status, Input, Output }: Fields) => [Status, Input, Output]),
    [
      ["SUCCEEDED", "1", "1"],
      ["SUCCEEDED", "3", "3"],
    ],
  );
  assert.deepEqual([failed.length, failed[0].Error, failed[0].Status], [1, "RangeError", "FAILED"]);
});

for (const ExecutionType of ["STANDARD", "EXPRESS"]) {
  test(`a redrive runs only those ${ExecutionType} children again that did not succeed, in the same map run`, async () => {
    const begun: number[] = [];
    let isBroken = true;
    const functions = {
      one(event: Json) {
        begun.push(event as number);
        if (isBroken && (event as number) === 3) throw new RangeError("three");
        return event;
      },
    };
    const { call, run, clock } = setUp({ functions });
    const items = [0, 1, 2, 3, 4, 5];
    const failed = await run(distributed(invoke, { MaxConcurrency: 1 }, { ExecutionType }), items);
    assert.deepEqual([failed.error, begun], ["States.ExceedToleratedFailureThreshold", [0, 1, 2, 3]]);
    isBroken = false;
    const { executionArn } = failed;
    await call("RedriveExecution", { executionArn });
    for (let turns = 0; turns < 20; turns++) await clock.advance(10);
    const { status, output, cause } = await call("DescribeExecution", { executionArn });
    assert.equal(status, "SUCCEEDED", cause);
    assert.deepEqual([JSON.parse(output), begun], [items, [0, 1, 2, 3, 3, 4, 5]]);
    const { mapRuns } = await call("ListMapRuns", { executionArn });
    assert.equal(mapRuns.length, 1);
    const mapRun = await call("DescribeMapRun", { mapRunArn: mapRuns[0].mapRunArn });
    const { succeeded, failed: unsuccessful, pending, total } = mapRun.itemCounts;
    assert.deepEqual(
      [mapRun.status, mapRun.redriveCount, succeeded, unsuccessful, pending, total],
      ["SUCCEEDED", 1, 6, 0, 0, 6],
    );
    const { events } = await call("GetExecutionHistory", { executionArn });
    assert.deepEqual(
      events.slice(-6).map(({ type }: { type: string }) => type),
      [
        "ExecutionRedriven",
        "MapRunRedriven",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
      ],
    );
  });
}

test("a stopped map run goes on after a redrive", async () => {
  const waiting: Fields = { StartAt: "w", States: { w: { Type: "Wait", Seconds: 60, End: true } } };
  const { call, start, clock } = setUp();
  const executionArn = await start(distributed(waiting, { MaxConcurrency: 2 }), [1, 2, 3]);
  await clock.advance(0);
  await call("StopExecution", { executionArn });
  await clock.advance(0);
  await call("RedriveExecution", { executionArn });
  for (let turns = 0; turns < 5; turns++) await clock.advance(60_000);
  const { status, output } = await call("DescribeExecution", { executionArn });
  assert.deepEqual([status, output], ["SUCCEEDED", "[1,2,3]"]);
});

test("the results of a run that failed say which children did not begin", async () => {
  const objects: Record<string, string> = {};
  const functions = {
    one(event: Json) {
      if (event === 2) throw new RangeError("two");
      return event;
    },
  };
  const { run } = setUp({ objects, functions });
  const ResultWriter = {
    Resource: "arn:aws:states:::s3:putObject",
    Parameters: { Bucket: "b", Prefix: "results" },
  };
  const { status } = await run(distributed(invoke, { ResultWriter, MaxConcurrency: 1 }), [1, 2, 3, 4]);
  assert.equal(status, "FAILED");
  const [key] = Object.keys(objects).filter((name) => name.endsWith("manifest.json"));
  const { ResultFiles } = JSON.parse(objects[key as string] as string);
  const inputsOf = (kind: string) =>
    JSON.parse(objects[ResultFiles[kind][0].Key] as string).map(({ Input }: Fields) => Input);
  assert.deepEqual([inputsOf("SUCCEEDED"), inputsOf("FAILED"), inputsOf("PENDING")], [["1"], ["2"], ["3", "4"]]);
});

const machineArn = "arn:aws:states:us-east-1:111111111111:stateMachine:machine";

function distributed(processor: Fields, more: Fields = {}, config: Fields = {}): Fields {
  const ItemProcessor = { ...processor, ProcessorConfig: { Mode: "DISTRIBUTED", ...config } };
  return { StartAt: "all", States: { all: { Type: "Map", ItemProcessor, ...more, End: true } } };
}

function setUp({
  functions,
  objects = {},
}: {
  functions?: Record<string, (event: Json) => Json | Promise<Json>>;
  objects?: Record<string, string>;
} = {}) {
  const service = setUpService({
    functions,
    operations: {
      "s3.GetObject": ({ Key, Range }) => {
        const body = objects[String(Key)];
        if (body === undefined) throw new Fault("NoSuchKey", "The specified key does not exist.", { status: 404 });
        // Small pieces, whatever was asked for: an object is read to its end.
        const first = Number(/^bytes=(\d+)-/.exec(String(Range))?.[1]);
        const Body = Buffer.from(body).subarray(first, first + 7);
        return {
          Body,
          ETag: "e",
          ContentRange: `bytes ${first}-${first + Body.length - 1}/${Buffer.byteLength(body)}`,
        };
      },
      "s3.PutObject": ({ Key, Body }) => {
        objects[String(Key)] = String(Body);
        return {};
      },
      "s3.ListObjectsV2": ({ Prefix, ContinuationToken }) => {
        const keys = Object.keys(objects).filter((key) => key.startsWith(String(Prefix)));
        const at = ContinuationToken === undefined ? 0 : Number(ContinuationToken);
        const Contents = keys
          .slice(at, at + 1)
          .map((Key) => ({ Key, Size: (objects[Key] as string).length, ETag: "e", LastModified: new Date(0) }));
        return { Contents, NextContinuationToken: at + 1 < keys.length ? String(at + 1) : undefined };
      },
    },
  });
  const { call, clock } = service;
  const start = async (definition: Fields, input: Json): Promise<string> => {
    const text = JSON.stringify(definition);
    await call("CreateStateMachine", { name: "machine", definition: text, roleArn: role });
    const { executionArn } = await call("StartExecution", {
      stateMachineArn: machineArn,
      input: JSON.stringify(input),
    });
    return executionArn;
  };
  const run = async (definition: Fields, input: Json) => {
    const executionArn = await start(definition, input);
    for (let i = 0; i < 50; i++) {
      const description = await call("DescribeExecution", { executionArn });
      if (description.status !== "RUNNING") return description;
      await clock.advance(10);
    }
    throw new Error(`it still runs: ${service.errors.join(", ")}`);
  };
  return { ...service, start, run };
}
