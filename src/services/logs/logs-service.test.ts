import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../../ports/memory-store.ts";
import { testClock } from "../../ports/test-clock.ts";
import { testCall } from "../../wire/testing/call.ts";
import { logsService } from "./logs-service.ts";

const group = "/aws/sagemaker/TrainingJobs";

test("a group that is not there is not found", async () => {
  const { call } = setUp();
  await assert.rejects(call("GetLogEvents", { logGroupName: "none", logStreamName: "s" }), {
    code: "ResourceNotFoundException",
    message: "The specified log group does not exist.",
  });
});

test("reading from the head goes on until an empty page, whose token stays the same", async () => {
  const { logs, call } = setUp();
  logs.append(group, "job/1", lines(5));
  const read = (nextToken?: string) =>
    call("GetLogEvents", { logGroupName: group, logStreamName: "job/1", startFromHead: true, limit: 3, nextToken });
  const first = await read();
  const second = await read(first.nextForwardToken);
  const third = await read(second.nextForwardToken);
  assert.deepEqual(
    [first, second, third].map(({ events }) => events.map(({ message }: { message: string }) => message)),
    [["line 0", "line 1", "line 2"], ["line 3", "line 4"], []],
  );
  assert.equal(third.nextForwardToken, second.nextForwardToken);
  logs.append(group, "job/1", [{ timestampMs: 99, message: "late" }]);
  assert.equal((await read(third.nextForwardToken)).events[0].message, "late");
});

test("without startFromHead the last lines come first, and the backward token leads to those before", async () => {
  const { logs, call } = setUp();
  logs.append(group, "s", lines(5));
  const read = (nextToken?: string) =>
    call("GetLogEvents", { logGroupName: group, logStreamName: "s", limit: 2, nextToken });
  const seen: string[][] = [];
  let token: string | undefined;
  for (let count = 0; count < 4; count++) {
    const answer = await read(token);
    seen.push(answer.events.map(({ message }: { message: string }) => message));
    token = answer.nextBackwardToken;
  }
  assert.deepEqual(seen, [["line 3", "line 4"], ["line 1", "line 2"], ["line 0"], []]);
  assert.equal((await read(token)).nextBackwardToken, token);
});

test("times limit what is read", async () => {
  const { logs, call } = setUp();
  logs.append(group, "s", lines(5));
  const { events } = await call("GetLogEvents", {
    logGroupName: group,
    logStreamName: "s",
    startTime: 1001,
    endTime: 1003,
    startFromHead: true,
  });
  assert.deepEqual(
    events.map(({ timestamp }: { timestamp: number }) => timestamp),
    [1001, 1002],
  );
});

test("the last page of streams carries no token", async () => {
  const { logs, call } = setUp();
  for (const name of ["a", "b", "c"]) logs.createStream(group, `job/${name}`);
  const describe = (nextToken?: string) =>
    call("DescribeLogStreams", { logGroupName: group, logStreamNamePrefix: "job/", limit: 2, nextToken });
  const first = await describe();
  const second = await describe(first.nextToken);
  assert.deepEqual([first.logStreams.length, second.logStreams.length], [2, 1]);
  assert.equal(second.nextToken, undefined);
});

test("a search merges streams by time and filters by terms", async () => {
  const { logs, call } = setUp();
  logs.append(group, "a", [
    { timestampMs: 1, message: "ERROR one" },
    { timestampMs: 3, message: "ERROR three" },
  ]);
  logs.append(group, "b", [
    { timestampMs: 2, message: "ERROR two" },
    { timestampMs: 4, message: "fine" },
  ]);
  const search = (rest: object) =>
    call("FilterLogEvents", { logGroupName: group, filterPattern: "ERROR -three", ...rest });
  const first = await search({ limit: 1 });
  const second = await search({ limit: 1, nextToken: first.nextToken });
  assert.deepEqual(
    [first.events[0].message, second.events[0].message, second.nextToken],
    ["ERROR one", "ERROR two", undefined],
  );
});

test("lines that are written can be read, and those of long ago are rejected", async () => {
  const { call, clock } = setUp();
  await call("CreateLogGroup", { logGroupName: "g" });
  await call("CreateLogStream", { logGroupName: "g", logStreamName: "s" });
  const now = clock.now();
  const answer = await call("PutLogEvents", {
    logGroupName: "g",
    logStreamName: "s",
    logEvents: [
      { timestamp: now - 15 * 86_400_000, message: "old" },
      { timestamp: now, message: "new" },
    ],
  });
  assert.equal(answer.rejectedLogEventsInfo.tooOldLogEventEndIndex, 1);
  const { events } = await call("GetLogEvents", { logGroupName: "g", logStreamName: "s" });
  assert.deepEqual(
    events.map(({ message }: { message: string }) => message),
    ["new"],
  );
  await assert.rejects(call("CreateLogGroup", { logGroupName: "g" }), { code: "ResourceAlreadyExistsException" });
});

test("a retention policy drops what is older, now and later, and refuses what comes too late", async () => {
  const { call, logs, clock } = setUp();
  const dayMs = 86_400_000;
  const write = (ageDays: number, message: string) =>
    logs.append("g", "s", [{ timestampMs: clock.now() - ageDays * dayMs, message }]);
  const left = () => logs.read("g", "s", { from: 0, limit: 10 }).map(({ message }) => message);
  write(5, "old");
  write(2, "recent");
  await call("PutRetentionPolicy", { logGroupName: "g", retentionInDays: 3 });
  assert.deepEqual(left(), ["recent"]);
  assert.equal((await call("DescribeLogGroups", {})).logGroups[0].retentionInDays, 3);
  await clock.advance(dayMs + 3_600_000);
  assert.deepEqual(left(), []);
  const timestamp = clock.now() - 4 * dayMs;
  const logEvents = [{ timestamp, message: "late" }];
  const answer = await call("PutLogEvents", { logGroupName: "g", logStreamName: "s", logEvents });
  assert.equal(answer.rejectedLogEventsInfo.expiredLogEventEndIndex, 1);
  await call("DeleteRetentionPolicy", { logGroupName: "g" });
  assert.equal((await call("DescribeLogGroups", {})).logGroups[0].retentionInDays, undefined);
  await assert.rejects(call("PutRetentionPolicy", { logGroupName: "g", retentionInDays: 2 }), {
    code: "InvalidParameterException",
  });
});

test("a stream is deleted with its lines", async () => {
  const { call, logs } = setUp();
  logs.append("g", "s", lines(1));
  await call("DeleteLogStream", { logGroupName: "g", logStreamName: "s" });
  assert.deepEqual((await call("DescribeLogStreams", { logGroupName: "g" })).logStreams, []);
  await assert.rejects(call("DeleteLogStream", { logGroupName: "g", logStreamName: "s" }), {
    code: "ResourceNotFoundException",
  });
});

function setUp() {
  const clock = testClock();
  const { logs, resources } = memoryStore({ clock });
  const { handlers } = logsService({ logs, resources, clock, report: () => {} });
  const context = testCall();
  return {
    clock,
    logs,
    // biome-ignore lint/suspicious/noExplicitAny: answers are read member by member
    call: async (operation: string, input: object): Promise<any> => handlers[operation]?.(input, context),
  };
}

function lines(count: number) {
  return Array.from({ length: count }, (_, index) => ({ timestampMs: 1000 + index, message: `line ${index}` }));
}
