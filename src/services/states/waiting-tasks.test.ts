import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../kit/json.ts";
import { setUpMachines, single } from "./testing/service.ts";

const invoke = "arn:aws:states:::lambda:invoke";

test("a task that waits for its token ends with what the token brings", async () => {
  let token = "";
  const send = (input: Record<string, unknown>) => {
    token = JSON.parse(String(input["MessageBody"])).token;
    return { MessageId: "m" };
  };
  const { start, call, clock, describe } = setUpMachines({ operations: { "sqs.SendMessage": send } });
  const executionArn = await start(
    single({
      Resource: "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
      Parameters: { QueueUrl: "q", MessageBody: { "token.$": "$$.Task.Token" } },
    }),
  );
  await clock.advance(0);
  await call("SendTaskHeartbeat", { taskToken: token });
  await call("SendTaskSuccess", { taskToken: token, output: '"yes"' });
  const { status, output } = await describe(executionArn);
  assert.deepEqual([status, output], ["SUCCEEDED", '"yes"']);
  await assert.rejects(call("SendTaskSuccess", { taskToken: token, output: "1" }), { code: "TaskTimedOut" });
  await assert.rejects(call("SendTaskSuccess", { taskToken: "nonsense", output: "1" }), {
    code: "InvalidToken",
    message: "Invalid Token: 'Invalid token'",
  });
});

test("an activity's task goes to a worker that asks, before or after it is scheduled", async () => {
  const { start, call, clock, describe } = setUpMachines();
  const { activityArn } = await call("CreateActivity", { name: "work" });
  const early = call("GetActivityTask", { activityArn, workerName: "w" });
  const first = await start(single({ Resource: activityArn }), { n: 1 });
  const task = await early;
  assert.deepEqual(JSON.parse(task.input), { n: 1 });
  await call("SendTaskSuccess", { taskToken: task.taskToken, output: "1" });
  assert.equal((await describe(first)).status, "SUCCEEDED");

  const second = await start(single({ Resource: activityArn }), { n: 2 });
  await clock.advance(0);
  const late = await call("GetActivityTask", { activityArn });
  await call("SendTaskFailure", { taskToken: late.taskToken, error: "E", cause: "C" });
  const { status, error, cause } = await describe(second);
  assert.deepEqual([status, error, cause], ["FAILED", "E", "C"]);

  const idle = call("GetActivityTask", { activityArn });
  await clock.advance(61_000);
  assert.deepEqual(await idle, {});
});

test("a task that takes too long times out, and the execution's own limit ends it", async () => {
  const { start, clock, describe } = setUpMachines({ functions: { slow: () => new Promise<Json>(() => {}) } });
  const parameters = { Resource: invoke, Parameters: { FunctionName: "slow" } };
  const task = await start(single({ ...parameters, TimeoutSeconds: 5 }));
  const whole = await start({ ...single(parameters), TimeoutSeconds: 7 });
  await clock.advance(6_000);
  assert.deepEqual([(await describe(task)).status, (await describe(task)).error], ["FAILED", "States.Timeout"]);
  await clock.advance(2_000);
  assert.equal((await describe(whole)).status, "TIMED_OUT");
});

test("a task of an activity that is gone fails the execution, whatever catches are there", async () => {
  const { call, run } = setUpMachines();
  const { activityArn } = await call("CreateActivity", { name: "gone" });
  await call("DeleteActivity", { activityArn });
  const Catch = [{ ErrorEquals: ["States.ALL"], Next: "Only" }];
  const { status, error, cause } = await run(single({ Resource: activityArn, TimeoutSeconds: 60, Catch }));
  assert.deepEqual(
    { status, error, cause },
    {
      status: "FAILED",
      error: "States.Runtime",
      cause:
        "An error occurred while executing the state 'Only' (entered at the event id #2). The activity ARN does not exist.",
    },
  );
});
