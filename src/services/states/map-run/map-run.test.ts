import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../../kit/json.ts";
import { setUpService } from "../testing/service.ts";
import { distributed, type Fields, invoke, machineArn, pass, setUp } from "./testing/distributed-map.ts";

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
