import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Fault } from "../../kit/fault.ts";
import type { ServiceEvent } from "../../ports/events.ts";
import { memoryResources } from "../../ports/memory-resources.ts";
import { testClock } from "../../ports/test-clock.ts";
import { testCall } from "../../wire/testing/call.ts";
import { eventsService } from "./events-service.ts";

const arns = {
  function: "arn:aws:lambda:us-east-1:000000000000:function:tell",
  machine: "arn:aws:states:us-east-1:000000000000:stateMachine:flow",
  topic: "arn:aws:sns:us-east-1:000000000000:alarms",
  queue: "arn:aws:sqs:us-east-1:000000000000:inbox",
};

const failed: ServiceEvent = {
  id: "11111111-2222-4333-8444-555555555555",
  source: "aws.states",
  detailType: "Step Functions Execution Status Change",
  timeMs: Date.UTC(2026, 0, 1, 12, 0, 0, 123),
  resources: ["arn:aws:states:us-east-1:000000000000:execution:flow:1"],
  detail: { status: "FAILED", name: "one", stateMachineArn: arns.machine, output: null, counts: [1, 2] },
};
const EventPattern = JSON.stringify({ source: ["aws.states"], detail: { status: ["FAILED", "TIMED_OUT"] } });

test("an event goes to every kind of target of the rules it matches", async (context) => {
  const { call, events, clock, invoked, called } = open(context);
  await call("PutRule", { Name: "failures", EventPattern });
  const Targets = Object.entries(arns).map(([Id, Arn]) => ({ Id, Arn }));
  assert.equal((await call("PutTargets", { Rule: "failures", Targets })).FailedEntryCount, 0);
  await events.announce(failed);
  await events.announce({ ...failed, id: "2", detail: { ...failed.detail, status: "SUCCEEDED" } });
  await clock.advance(0);
  assert.deepEqual(called.map(({ service, operation }) => `${service}:${operation}`).toSorted(), [
    "sns:Publish",
    "sqs:SendMessage",
    "states:StartExecution",
  ]);
  const event = invoked[0]?.event;
  assert.equal(invoked.length, 1);
  assert.deepEqual(event, {
    version: "0",
    id: failed.id,
    "detail-type": failed.detailType,
    source: "aws.states",
    account: "000000000000",
    time: "2026-01-01T12:00:00Z",
    region: "us-east-1",
    resources: failed.resources,
    detail: failed.detail,
  });
  const message = called.find(({ service }) => service === "sns")?.input.Message;
  assert.deepEqual(JSON.parse(message), event);
});

test("a target gets the part, the text or the filled template it asked for", async (context) => {
  const { call, events, clock, called } = open(context);
  await call("PutRule", { Name: "failures", EventPattern });
  const InputTransformer = {
    InputPathsMap: { name: "$.detail.name", counts: "$.detail.counts", first: "$.resources[0]", none: "$.detail.none" },
    InputTemplate:
      '{"text": "<name> has \\"failed\\" (<counts>)<none>", "counts": <counts>, "arn": <first>, "rule": <aws.events.rule-name>}',
  };
  const Targets = [
    { Id: "path", Arn: arns.topic, InputPath: "$.detail.status" },
    { Id: "text", Arn: arns.topic, Input: '{"fixed":1}' },
    { Id: "template", Arn: arns.topic, InputTransformer },
  ];
  await call("PutTargets", { Rule: "failures", Targets });
  await events.announce(failed);
  await clock.advance(0);
  const [path, text, template] = called.map(({ input }) => JSON.parse(input.Message));
  assert.equal(path, "FAILED");
  assert.deepEqual(text, { fixed: 1 });
  assert.deepEqual(template, {
    text: 'one has "failed" ([1,2])',
    counts: [1, 2],
    arn: failed.resources[0],
    rule: "failures",
  });
});

test("an event announced twice starts an execution under the same name", async (context) => {
  const { call, events, clock, called } = open(context);
  await call("PutRule", { Name: "failures", EventPattern });
  await call("PutTargets", { Rule: "failures", Targets: [{ Id: "1", Arn: arns.machine }] });
  await events.announce(failed);
  await events.announce(failed);
  await clock.advance(0);
  assert.equal(called.length, 2);
  assert.equal(called[0]?.input.name, called[1]?.input.name);
  assert.match(called[0]?.input.name, /^[\w-]{1,80}$/);
});

test("an announced event survives the end of the process", async (context) => {
  const first = open(context);
  await first.call("PutRule", { Name: "failures", EventPattern });
  await first.call("PutTargets", { Rule: "failures", Targets: [{ Id: "1", Arn: arns.topic }] });
  await first.events.announce(failed);
  await first.close();
  assert.equal(first.called.length, 0);
  const second = open(context, first);
  await first.clock.advance(5000);
  assert.equal(second.called.length, 1);
});

test("a target that fails is tried again, and its dead-letter queue gets what it never took", async (context) => {
  const { call, events, clock, called, broken } = open(context);
  await call("PutRule", { Name: "failures", EventPattern });
  const target = { Id: "1", Arn: arns.topic, DeadLetterConfig: { Arn: arns.queue } };
  await call("PutTargets", { Rule: "failures", Targets: [{ ...target, RetryPolicy: { MaximumRetryAttempts: 2 } }] });
  broken.add("sns");
  await events.announce(failed);
  await clock.advance(60_000);
  assert.deepEqual(
    called.map(({ service }) => service),
    ["sns", "sns", "sns", "sqs"],
  );
  assert.equal(called.at(-1)?.input.MessageAttributes.ERROR_CODE.StringValue, "ServiceUnavailable");
});

test("a disabled rule rests until it is enabled", async (context) => {
  const { call, events, clock, called } = open(context);
  await call("PutRule", { Name: "failures", EventPattern });
  await call("PutTargets", { Rule: "failures", Targets: [{ Id: "1", Arn: arns.topic }] });
  await call("DisableRule", { Name: "failures" });
  await events.announce(failed);
  await call("EnableRule", { Name: "failures" });
  await events.announce(failed);
  await clock.advance(0);
  assert.equal(called.length, 1);
});

test("rules and targets are listed, described and removed in order", async (context) => {
  const { call } = open(context);
  const { RuleArn } = await call("PutRule", { Name: "failures", EventPattern, Description: "what failed" });
  await call("PutTargets", { Rule: "failures", Targets: [{ Id: "1", Arn: arns.topic }] });
  await call("PutRule", { Name: "failures", EventPattern });
  assert.equal((await call("DescribeRule", { Name: "failures" })).Arn, RuleArn);
  assert.equal((await call("ListRules", { NamePrefix: "fail" })).Rules.length, 1);
  assert.deepEqual((await call("ListRuleNamesByTarget", { TargetArn: arns.topic })).RuleNames, ["failures"]);
  assert.equal((await call("ListTargetsByRule", { Rule: "failures" })).Targets[0].Arn, arns.topic);
  await assert.rejects(call("DeleteRule", { Name: "failures" }), faultOf("ValidationException"));
  assert.equal((await call("RemoveTargets", { Rule: "failures", Ids: ["1", "2"] })).FailedEntryCount, 1);
  await call("DeleteRule", { Name: "failures" });
  await assert.rejects(call("DescribeRule", { Name: "failures" }), faultOf("ResourceNotFoundException"));
});

test("what cannot be followed is refused when it is put", async (context) => {
  const { call } = open(context);
  const rule = (input: object) => call("PutRule", { Name: "r", EventPattern, ...input });
  await assert.rejects(rule({ EventPattern: '{"a":"b"}' }), faultOf("InvalidEventPatternException"));
  await assert.rejects(rule({ EventPattern: "{" }), faultOf("InvalidEventPatternException"));
  await assert.rejects(rule({ EventPattern: undefined }), faultOf("ValidationException"));
  for (const ScheduleExpression of ["rate(1 days)", "cron(0 12 * * * *)"]) {
    await assert.rejects(rule({ ScheduleExpression }), faultOf("ValidationException"));
  }
  await call("CreateEventBus", { Name: "another" });
  const elsewhere = { EventBusName: "another", ScheduleExpression: "rate(1 day)" };
  await assert.rejects(rule(elsewhere), faultOf("ValidationException"));
  await assert.rejects(rule({ EventBusName: "other" }), faultOf("ResourceNotFoundException"));
  await rule({});
  const target = (input: object) =>
    call("PutTargets", { Rule: "r", Targets: [{ Id: "1", Arn: arns.topic, ...input }] });
  await assert.rejects(target({ Arn: "arn:aws:ecs:us-east-1:1:cluster/c" }), faultOf("ValidationException"));
  await assert.rejects(target({ InputPath: "detail" }), faultOf("ValidationException"));
  await assert.rejects(target({ Input: "{" }), faultOf("ValidationException"));
  await assert.rejects(target({ Input: "1", InputPath: "$" }), faultOf("ValidationException"));
});

test("a caller's own events are taken one by one", async (context) => {
  const { call, clock, called } = open(context);
  await call("PutRule", { Name: "mine", EventPattern: JSON.stringify({ source: ["my.app"] }) });
  await call("PutTargets", { Rule: "mine", Targets: [{ Id: "1", Arn: arns.topic }] });
  const entry = { Source: "my.app", DetailType: "order", Detail: '{"a":1}' };
  const Entries = [
    entry,
    { ...entry, Detail: "no" },
    { ...entry, Source: "aws.s3" },
    { ...entry, DetailType: undefined },
  ];
  const answer = await call("PutEvents", { Entries });
  assert.equal(answer.FailedEntryCount, 3);
  assert.deepEqual(
    answer.Entries.map((one: Answer) => one.ErrorCode),
    [undefined, "MalformedDetail", "NotAuthorizedForSourceException", "InvalidArgument"],
  );
  await clock.advance(0);
  assert.equal(JSON.parse(called[0]?.input.Message).id, answer.Entries[0].EventId);
});

test("a pattern can be tried on an event", async (context) => {
  const { call } = open(context);
  const Event = JSON.stringify({ source: "aws.states", detail: { status: "FAILED" } });
  assert.equal((await call("TestEventPattern", { EventPattern, Event })).Result, true);
  assert.equal((await call("TestEventPattern", { EventPattern, Event: "{}" })).Result, false);
});

test("a rule with a schedule fires when it is due, also after a restart", async (context) => {
  const first = open(context);
  await first.call("PutRule", { Name: "tick", ScheduleExpression: "rate(5 minutes)" });
  await first.call("PutTargets", { Rule: "tick", Targets: [{ Id: "1", Arn: arns.function }] });
  await first.clock.advance(10 * 60_000);
  assert.deepEqual(
    first.invoked.map(({ event }) => [event["detail-type"], event.source, event.time, event.detail]),
    [
      ["Scheduled Event", "aws.events", "2026-01-01T00:05:00Z", {}],
      ["Scheduled Event", "aws.events", "2026-01-01T00:10:00Z", {}],
    ],
  );
  await first.close();
  await first.clock.advance(7 * 60_000);
  const second = open(context, first);
  await first.clock.advance(3 * 60_000);
  assert.deepEqual(
    second.invoked.map(({ event }) => event.time),
    ["2026-01-01T00:20:00Z"],
  );
  await second.call("DisableRule", { Name: "tick" });
  await first.clock.advance(60 * 60_000);
  assert.equal(second.invoked.length, 1);
});

test("events of one bus are not seen on another, and a bus with rules stays", async (context) => {
  const { call, clock, called } = open(context);
  const { EventBusArn } = await call("CreateEventBus", { Name: "orders", Tags: [{ Key: "team", Value: "shop" }] });
  const pattern = JSON.stringify({ source: ["shop"] });
  for (const EventBusName of ["default", EventBusArn]) {
    await call("PutRule", { Name: "all", EventPattern: pattern, EventBusName });
    await call("PutTargets", {
      Rule: "all",
      EventBusName,
      Targets: [{ Id: "1", Arn: arns.topic, Input: `"${EventBusName}"` }],
    });
  }
  const entry = { Source: "shop", DetailType: "sold", Detail: "{}" };
  await call("PutEvents", { Entries: [{ ...entry, EventBusName: "orders" }] });
  await clock.advance(0);
  assert.deepEqual(
    called.map(({ input }) => JSON.parse(input.Message)),
    [EventBusArn],
  );
  assert.equal(
    (await call("DescribeRule", { Name: "all", EventBusName: "orders" })).Arn.split(":").at(-1),
    "rule/orders/all",
  );
  const names = (await call("ListEventBuses", {})).EventBuses.map(({ Name }: { Name: string }) => Name);
  assert.deepEqual(names, ["default", "orders"]);
  assert.deepEqual((await call("ListTagsForResource", { ResourceARN: EventBusArn })).Tags, [
    { Key: "team", Value: "shop" },
  ]);
  await assert.rejects(call("DeleteEventBus", { Name: "orders" }), faultOf("ValidationException"));
  await call("RemoveTargets", { Rule: "all", EventBusName: "orders", Ids: ["1"] });
  await call("DeleteRule", { Name: "all", EventBusName: "orders" });
  await call("DeleteEventBus", { Name: "orders" });
  await assert.rejects(call("ListRules", { EventBusName: "orders" }), faultOf("ResourceNotFoundException"));
  await assert.rejects(call("ListTagsForResource", { ResourceARN: EventBusArn }), faultOf("ResourceNotFoundException"));
});

test("a log group gets events as lines", async (context) => {
  const { call, events, clock, called } = open(context);
  await call("PutRule", { Name: "failures", EventPattern });
  const Arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/failures:*";
  await call("PutTargets", { Rule: "failures", Targets: [{ Id: "1", Arn }] });
  await events.announce(failed);
  await clock.advance(0);
  const [made, written] = called;
  assert.deepEqual(made?.input, { logGroupName: "/aws/events/failures", logStreamName: "failures/2026/01/01" });
  assert.equal(JSON.parse(written?.input.logEvents[0].message).id, failed.id);
});

test("an event is not tried beyond the age that its target allows", async (context) => {
  const { call, events, clock, called, broken } = open(context);
  await call("PutRule", { Name: "failures", EventPattern });
  const RetryPolicy = { MaximumEventAgeInSeconds: 60 };
  await call("PutTargets", { Rule: "failures", Targets: [{ Id: "1", Arn: arns.topic, RetryPolicy }] });
  broken.add("sns");
  await events.announce(failed);
  await clock.advance(3_600_000);
  // After 0, 1, 3, 8, 18 and 48 seconds; the next would be after 108.
  assert.equal(called.length, 6);
});

// biome-ignore lint/suspicious/noExplicitAny: answers are read member by member, as a client would
type Answer = any;

function open(
  context: TestContext,
  before?: { clock: ReturnType<typeof testClock>; resources: ReturnType<typeof memoryResources> },
) {
  const clock = before?.clock ?? testClock();
  const resources = before?.resources ?? memoryResources(clock);
  const invoked: { name: string; event: Answer }[] = [];
  const called: { service: string; operation: string; input: Answer }[] = [];
  const broken = new Set<string>();
  const service = eventsService({
    resources,
    clock,
    accountId: "000000000000",
    region: "us-east-1",
    baseUrl: "http://127.0.0.1:4566",
    functions: {
      async invoke(name, payload) {
        invoked.push({ name, event: JSON.parse(Buffer.from(payload).toString()) });
        return { payload: new Uint8Array(), executedVersion: "$LATEST", requestId: "r", logTail: "" };
      },
    },
    operations: {
      async call(name, operation, input) {
        called.push({ service: name, operation, input });
        if (broken.has(name)) throw new Fault("ServiceUnavailable", "not now", { status: 503 });
        return { output: {}, requestId: "r" };
      },
      has: () => true,
    },
    report: () => {},
  });
  context.after(() => service.close());
  const about = testCall();
  const call = async (operation: string, input: object): Promise<Answer> => service.handlers[operation]?.(input, about);
  return { call, events: service.events, close: service.close, clock, resources, invoked, called, broken };
}

function faultOf(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code);
    return true;
  };
}
