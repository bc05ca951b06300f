import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../kit/json.ts";
import { memoryStore } from "../../ports/memory-store.ts";
import { testClock } from "../../ports/test-clock.ts";
import { chain, setUpMachines, single } from "./testing/service.ts";

const _role = "arn:aws:iam::111111111111:role/sfn-role";
const _invoke = "arn:aws:states:::lambda:invoke";

test("what was handed over before a restart is waited for, not handed over again", async () => {
  let token = "";
  let sent = 0;
  const send = (input: Record<string, unknown>) => {
    sent += 1;
    token = JSON.parse(String(input["MessageBody"])).token;
    return { MessageId: "m" };
  };
  const operations = { "sqs.SendMessage": send };
  const first = setUpMachines({ operations });
  const { clock, store } = first;
  const resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
  const parameters = { QueueUrl: "q", MessageBody: { "token.$": "$$.Task.Token" } };
  const executionArn = await first.start(single({ Resource: resource, Parameters: parameters }));
  await clock.advance(0);
  await first.close();
  const second = setUpMachines({ operations, clock, store });
  await second.engine.recover();
  await clock.advance(1_000);
  await second.call("SendTaskSuccess", { taskToken: token, output: "1" });
  assert.deepEqual([sent, (await second.describe(executionArn)).status], [1, "SUCCEEDED"]);
});

test("running executions go on after a restart", async () => {
  const first = setUpMachines({ functions: { slow: () => new Promise<Json>(() => {}) } });
  const { clock, store } = first;
  const task = await first.start(chain("slow"));
  const wait = await first.start({ StartAt: "W", States: { W: { Type: "Wait", Seconds: 60, End: true } } });
  await clock.advance(1_000);
  await first.close();
  const second = setUpMachines({ functions: { slow: () => "quick now" }, clock, store });
  assert.equal(await second.engine.recover(), 1); // The other only waits.
  await clock.advance(60_000);
  assert.deepEqual(
    [(await second.describe(task)).status, (await second.describe(wait)).status],
    ["SUCCEEDED", "SUCCEEDED"],
  );
});

test("an express execution that was accepted runs again when the server ended before it did", async () => {
  const clock = testClock();
  const store = memoryStore({ clock });
  const begun: Json[] = [];
  const functions = { one: (event: Json) => begun.push(event) };
  const first = setUpMachines({ store, clock, functions });
  const waiting = { Type: "Wait", Seconds: 5, Next: "one" };
  const { States } = chain("one") as { States: { [name: string]: Json } };
  const stateMachineArn = await first.create({ StartAt: "wait", States: { wait: waiting, ...States } }, "EXPRESS");
  await first.call("StartExecution", { stateMachineArn, input: '{"n":1}' });
  await clock.advance(1_000);
  await first.close();
  const second = setUpMachines({ store, clock, functions });
  await second.engine.recover();
  assert.deepEqual(begun, []);
  await clock.advance(5_000);
  assert.equal(begun.length, 1);
  assert.deepEqual(store.executions.running({ limit: 9 }), []);
  const third = setUpMachines({ store, clock, functions });
  await third.engine.recover();
  await clock.advance(60_000);
  assert.equal(begun.length, 1);
});

test("an express execution ends after five minutes, whatever it waits for", async () => {
  const { call, create, clock } = setUpMachines();
  const States = { wait: { Type: "Wait", Seconds: 400, End: true } };
  const stateMachineArn = await create({ StartAt: "wait", States, TimeoutSeconds: 1_000 }, "EXPRESS");
  const answer = call("StartSyncExecution", { stateMachineArn, input: "{}" });
  await clock.advance(300_000);
  const { status, error } = await answer;
  assert.deepEqual([status, error], ["TIMED_OUT", "States.Timeout"]);
});

test("executions are forgotten 90 days after their end, with what belonged to their map runs", async () => {
  const { call, create, start, clock, engine, store } = setUpMachines();
  await engine.recover();
  const ItemProcessor = { ProcessorConfig: { Mode: "DISTRIBUTED" }, StartAt: "P", States: { P: { Type: "Fail" } } };
  const map = { StartAt: "M", States: { M: { Type: "Map", ItemsPath: "$.list", ItemProcessor, End: true } } };
  const stateMachineArn = await create(map);
  const { executionArn } = await call("StartExecution", { stateMachineArn, input: '{"list":[1,2,3]}' });
  const long = await start({ StartAt: "W", States: { W: { Type: "Wait", Seconds: 200 * 86_400, End: true } } });
  await clock.advance(89 * 86_400_000);
  assert.equal((await call("DescribeExecution", { executionArn })).status, "FAILED");
  assert.equal(store.resources.list("states.mapRun").length, 1);
  await clock.advance(2 * 86_400_000);
  await assert.rejects(call("DescribeExecution", { executionArn }), { code: "ExecutionDoesNotExist" });
  assert.deepEqual([store.resources.list("states.mapRun"), store.resources.list("states.mapRunInputs")], [[], []]);
  assert.equal((await call("DescribeExecution", { executionArn: long })).status, "RUNNING");
});
