import assert from "node:assert/strict";
import { test } from "node:test";
import { arn, code, failing, greet, service } from "./rig.test.ts";

const queue = "arn:aws:sqs:us-east-1:123456789012:outcomes";
const asEvent = { FunctionName: "greet", InvocationType: "Event", Payload: Buffer.from('{"n":7}') };

test("an event is answered at once, tried three times in all with AWS's pauses, and then given up", async () => {
  await using it = service();
  await it.create({
    Code: {
      ZipFile: await code("export const handler = async () => { console.log('tried'); throw new Error('no'); };"),
    },
  });
  const answer = await it.call("Invoke", { FunctionName: "greet", InvocationType: "Event" });
  assert.deepEqual(answer, { StatusCode: 202 });
  await it.until(() => it.reports.some((text) => text.startsWith("gave up an event for greet after 3 attempts")));
  assert.equal(it.lines.filter((line) => line.endsWith("INFO\ttried")).length, 3);
  assert.equal(it.resources.list("lambda-event").length, 0);
  assert.deepEqual(
    it.pausesMs.filter((ms) => ms >= 60_000),
    [60_000, 120_000],
  );
});

test("an event that waits for its next attempt when the server dies is tried when that is due, not before", async () => {
  await using it = service({ isHurried: false });
  await it.create({ Code: { ZipFile: await code("export const handler = async () => { throw new Error('no'); };") } });
  await it.call("Invoke", { FunctionName: "greet", InvocationType: "Event" });
  await it.until(() => it.pausesMs.includes(60_000));
  await it.lambda.close();
  it.pausesMs.length = 0;
  it.restart();
  const [remainingMs = 0] = it.pausesMs;
  assert.ok(remainingMs > 30_000 && remainingMs <= 60_000, `${remainingMs} ms`);
});

test("what became of an event is told to its destination in AWS's record", async () => {
  await using it = service();
  await it.create({ Code: { ZipFile: await code("export const handler = async (event) => ({ got: event.n });") } });
  const FunctionName = "greet";
  const DestinationConfig = { OnSuccess: { Destination: queue }, OnFailure: { Destination: queue } };
  await it.call("PutFunctionEventInvokeConfig", { FunctionName, DestinationConfig, MaximumRetryAttempts: 0 });
  await it.call("Invoke", asEvent);
  await it.until(() => it.sent.length === 1);
  await it.call("UpdateFunctionCode", { FunctionName, ZipFile: await code(failing) });
  await it.call("Invoke", asEvent);
  await it.until(() => it.sent.length === 2);
  const [success, failure] = it.sent.map(({ input }) => JSON.parse(String(input["MessageBody"])));
  assert.deepEqual(Object.keys(success), [
    ...["version", "timestamp", "requestContext", "requestPayload", "responseContext", "responsePayload"],
  ]);
  const context = { functionArn: `${arn}:$LATEST`, condition: "Success", approximateInvokeCount: 1 };
  assert.deepEqual(success.requestContext, { requestId: success.requestContext.requestId, ...context });
  assert.deepEqual([success.requestPayload, success.responsePayload], [{ n: 7 }, { got: 7 }]);
  assert.deepEqual(success.responseContext, { statusCode: 200, executedVersion: "$LATEST" });
  assert.equal(failure.requestContext.condition, "RetriesExhausted");
  assert.deepEqual(failure.responseContext, {
    ...{ statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" },
  });
  assert.equal(failure.responsePayload.errorMessage, "no 7");
});

test("the dead-letter queue gets the event itself, with the error as attributes", async () => {
  await using it = service();
  await it.create({ Code: { ZipFile: await code(failing) }, DeadLetterConfig: { TargetArn: queue } });
  await it.call("Invoke", asEvent);
  await it.until(() => it.sent.length === 1);
  const { MessageBody, MessageAttributes } = it.sent[0]!.input as {
    MessageBody: string;
    MessageAttributes: Record<string, { StringValue: string }>;
  };
  assert.equal(MessageBody, '{"n":7}');
  assert.deepEqual(
    [MessageAttributes["ErrorCode"]?.StringValue, MessageAttributes["ErrorMessage"]?.StringValue],
    ["200", "no 7"],
  );
});

test("an event that is older than its age is not run any more", async () => {
  await using it = service();
  await it.create({ Code: { ZipFile: await code(failing) } });
  await it.call("PutFunctionEventInvokeConfig", {
    ...{ FunctionName: "greet", MaximumEventAgeInSeconds: 90 },
    DestinationConfig: { OnFailure: { Destination: queue } },
  });
  await it.call("Invoke", asEvent);
  await it.until(() => it.sent.length === 1);
  const { requestContext } = JSON.parse(String(it.sent[0]!.input["MessageBody"]));
  // The second pause would have ended after 180 seconds.
  assert.deepEqual([requestContext.condition, requestContext.approximateInvokeCount], ["EventAgeExceeded", 2]);
});

test("the settings of asynchronous events are kept, changed, listed and deleted, with AWS's texts", async () => {
  await using it = service();
  const FunctionName = "greet";
  await it.create({ Code: { ZipFile: await code(greet) } });
  await assert.rejects(it.call("GetFunctionEventInvokeConfig", { FunctionName }), {
    ...{ code: "ResourceNotFoundException", status: 404 },
    message: `The function ${arn}:$LATEST doesn't have an EventInvokeConfig`,
  });
  await assert.rejects(it.call("PutFunctionEventInvokeConfig", { FunctionName }), {
    message: "You must specify at least one of error handling or destination setting.",
  });
  const self = { OnSuccess: { Destination: arn } };
  await assert.rejects(it.call("PutFunctionEventInvokeConfig", { FunctionName, DestinationConfig: self }), {
    message: "You can't specify the function as a destination for itself.",
  });
  await it.call("PutFunctionEventInvokeConfig", { FunctionName, MaximumRetryAttempts: 1 });
  await it.call("UpdateFunctionEventInvokeConfig", { FunctionName, MaximumEventAgeInSeconds: 60 });
  const kept = await it.call("GetFunctionEventInvokeConfig", { FunctionName });
  assert.deepEqual([kept["MaximumRetryAttempts"], kept["MaximumEventAgeInSeconds"]], [1, 60]);
  const { FunctionEventInvokeConfigs } = await it.call("ListFunctionEventInvokeConfigs", { FunctionName });
  assert.deepEqual(FunctionEventInvokeConfigs, [kept]);
  await it.call("DeleteFunctionEventInvokeConfig", { FunctionName });
  await assert.rejects(it.call("DeleteFunctionEventInvokeConfig", { FunctionName }), { status: 404 });
});

test("an event that was accepted before the server ended is run by the next one", async () => {
  await using it = service();
  await it.create({
    Code: { ZipFile: await code("export const handler = async (event) => console.log('ran', event.n);") },
  });
  const call = it.call("Invoke", { FunctionName: "greet", InvocationType: "Event", Payload: Buffer.from('{"n":7}') });
  it.lambda.close(); // before it had a chance to run
  await call;
  assert.equal(it.resources.list("lambda-event").length, 1);
  it.restart();
  await it.until(() => it.lines.some((line) => line.endsWith("INFO\tran 7")));
  await it.until(() => it.resources.list("lambda-event").length === 0);
});
