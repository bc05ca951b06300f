import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { functionEnvironments } from "../../functions/function-environments.ts";
import { systemClock } from "../../kit/clock.ts";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logs } from "../../ports/logs.ts";
import { memoryMetrics } from "../../ports/memory-metrics.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resource, Resources } from "../../ports/resources.ts";
import type { Call } from "../../wire/service.ts";
import { lambdaService } from "./lambda-service.ts";
import { zipOf } from "./zips.test.ts";

const role = "arn:aws:iam::123456789012:role/functions";
const arn = "arn:aws:lambda:us-east-1:123456789012:function:greet";
const code = (text: string) => zipOf([{ name: "index.mjs", text }]);
const greet =
  "export const handler = async (event, context) => ({ hello: event.name ?? 'nobody', arn: context.invokedFunctionArn });";

test("a function is created with AWS's defaults and answers a call", async () => {
  await using it = service();
  const created = await it.create({ Code: { ZipFile: await code(greet) } });
  assert.equal(created["FunctionArn"], arn);
  assert.deepEqual(
    [created["State"], created["Timeout"], created["MemorySize"], created["Version"], created["PackageType"]],
    ["Active", 3, 128, "$LATEST", "Zip"],
  );
  assert.match(String(created["LastModified"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$/);
  const answer = await it.call("Invoke", {
    FunctionName: "greet",
    Payload: Buffer.from('{"name":"Ada"}'),
    LogType: "Tail",
  });
  assert.deepEqual(
    [answer["StatusCode"], answer["ExecutedVersion"], answer["FunctionError"]],
    [200, "$LATEST", undefined],
  );
  assert.equal(String(answer["Payload"]), JSON.stringify({ hello: "Ada", arn }));
  assert.match(Buffer.from(String(answer["LogResult"]), "base64").toString(), /^START RequestId: /);
});

test("a call without a payload receives an empty object", async () => {
  await using it = service();
  await it.create({ Code: { ZipFile: await code(greet) } });
  assert.match(String((await it.call("Invoke", { FunctionName: "greet" }))["Payload"]), /"hello":"nobody"/);
});

test("the port finds a function by any account's and region's ARN, and the function sees the ARN as written", async () => {
  await using it = service();
  await it.create({ Code: { ZipFile: await code(greet) } });
  const foreign = "arn:aws:lambda:eu-west-1:*:function:greet:$LATEST";
  for (const name of ["greet", "greet:$LATEST", "function:greet", "999999999999:function:greet", foreign]) {
    const result = await it.lambda.functions.invoke(name, Buffer.from("{}"));
    const seen = JSON.parse(Buffer.from(result.payload).toString()).arn;
    assert.equal(seen, name === foreign ? foreign : name.endsWith("$LATEST") ? `${arn}:$LATEST` : arn);
  }
});

test("code comes from S3 too, and a missing object is told in AWS's words", async () => {
  await using it = service();
  it.objects.set("deploy/greet.zip", await code(greet));
  await it.create({ Code: { S3Bucket: "deploy", S3Key: "greet.zip" } });
  assert.match(String((await it.call("Invoke", { FunctionName: "greet" }))["Payload"]), /nobody/);
  await assert.rejects(it.create({ FunctionName: "other", Code: { S3Bucket: "deploy", S3Key: "absent.zip" } }), {
    code: "InvalidParameterValueException",
    message:
      "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
  });
});

test("an error of the handler is an answer, not a failure of the call", async () => {
  await using it = service();
  await it.create({
    Code: { ZipFile: await code("export const handler = async () => { throw new RangeError('far'); };") },
  });
  const answer = await it.call("Invoke", { FunctionName: "greet" });
  assert.deepEqual([answer["StatusCode"], answer["FunctionError"]], [200, "Unhandled"]);
  assert.match(String(answer["Payload"]), /^\{"errorType":"RangeError","errorMessage":"far","trace":\[/);
});

test("what is wrong with a request is told in AWS's words", async () => {
  await using it = service();
  const ZipFile = await code(greet);
  await it.create({ Code: { ZipFile } });
  const invalid = { code: "InvalidParameterValueException", status: 400 };
  await assert.rejects(it.create({ Code: { ZipFile } }), {
    code: "ResourceConflictException",
    status: 409,
    message: "Function already exist: greet",
  });
  await assert.rejects(it.create({ FunctionName: "x", Runtime: "ruby3.2", Code: { ZipFile } }), {
    ...invalid,
    message:
      /^Value ruby3\.2 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: \[.*\] or be a valid ARN$/,
  });
  await assert.rejects(it.create({ FunctionName: "x", Code: {} }), {
    ...invalid,
    message: "Please provide a source for function code.",
  });
  await assert.rejects(
    it.create({ FunctionName: "x", Code: { ZipFile }, Environment: { Variables: { LONG: "x".repeat(5000) } } }),
    { ...invalid, message: /exceeded the 4KB limit/ },
  );
  await assert.rejects(
    it.create({ FunctionName: "x", Code: { ZipFile }, Environment: { Variables: { AWS_REGION: "x" } } }),
    {
      ...invalid,
      message: /Reserved keys used in this request: AWS_REGION$/,
    },
  );
  await assert.rejects(it.create({ FunctionName: "x", Code: { ZipFile }, Timeout: 901 }), {
    code: "ValidationException",
  });
  await assert.rejects(it.call("Invoke", { FunctionName: "nobody" }), {
    code: "ResourceNotFoundException",
    status: 404,
    message: "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody:$LATEST",
  });
  await assert.rejects(it.call("Invoke", { FunctionName: "greet", Payload: Buffer.from("{") }), {
    code: "InvalidRequestContentException",
    message: /^Could not parse request body into json: Could not parse payload into json: /,
  });
  await assert.rejects(it.call("Invoke", { FunctionName: "a b" }), { code: "ValidationException" });
  await assert.rejects(it.call("UpdateFunctionConfiguration", { FunctionName: "greet", RevisionId: "old" }), {
    status: 412,
  });
});

test("versions keep their code and settings, and aliases name them", async () => {
  await using it = service();
  const says = (word: string) => code(`export const handler = async () => "${word} " + process.env.MOOD;`);
  const ask = async (FunctionName: string) => {
    const answer = await it.call("Invoke", { FunctionName });
    return `${answer["Payload"]} ${answer["ExecutedVersion"]}`;
  };
  await it.create({ Code: { ZipFile: await says("one") }, Environment: { Variables: { MOOD: "calm" } } });
  const first = await it.call("PublishVersion", { FunctionName: "greet" });
  assert.deepEqual([first["Version"], first["FunctionArn"]], ["1", `${arn}:1`]);
  assert.equal((await it.call("PublishVersion", { FunctionName: "greet" }))["Version"], "1");
  await it.call("UpdateFunctionCode", { FunctionName: "greet", ZipFile: await says("two") });
  await it.call("UpdateFunctionConfiguration", { FunctionName: "greet", Environment: { Variables: { MOOD: "wild" } } });
  await it.call("CreateAlias", { FunctionName: "greet", Name: "live", FunctionVersion: "1" });
  assert.equal(await ask("greet"), '"two wild" $LATEST');
  assert.equal(await ask("greet:1"), '"one calm" 1');
  assert.equal(await ask("greet:live"), '"one calm" 1');
  await it.call("PublishVersion", { FunctionName: "greet" });
  await it.call("UpdateAlias", { FunctionName: "greet", Name: "live", FunctionVersion: "2" });
  assert.equal(await ask("greet:live"), '"two wild" 2');
  const { Versions } = (await it.call("ListVersionsByFunction", { FunctionName: "greet" })) as {
    Versions: { Version: string }[];
  };
  assert.deepEqual(
    Versions.map(({ Version }) => Version),
    ["$LATEST", "1", "2"],
  );
  await assert.rejects(ask("greet:3"), { code: "ResourceNotFoundException" });
});

test("an alias with a weight sends that share of its calls to the other version", async () => {
  await using it = service();
  const says = (word: string) => code(`export const handler = async () => "${word}";`);
  await it.create({ Code: { ZipFile: await says("old") }, Publish: true });
  await it.call("UpdateFunctionCode", { FunctionName: "greet", ZipFile: await says("new"), Publish: true });
  const weighted = (weight: number) => ({ RoutingConfig: { AdditionalVersionWeights: { 2: weight } } });
  const alias = { FunctionName: "greet", Name: "live", FunctionVersion: "1" };
  await it.call("CreateAlias", { ...alias, ...weighted(1) });
  const ask = async () => (await it.call("Invoke", { FunctionName: "greet:live" }))["ExecutedVersion"];
  assert.equal(await ask(), "2");
  await it.call("UpdateAlias", { ...alias, RoutingConfig: { AdditionalVersionWeights: {} } });
  assert.equal(await ask(), "1");
  await assert.rejects(it.call("UpdateAlias", { ...alias, FunctionVersion: "2", ...weighted(0.5) }), {
    message: "Invalid function version 2. Function version 2 is already included in routing configuration.",
  });
  await assert.rejects(it.call("UpdateAlias", { ...alias, ...weighted(1.5) }), { code: "ValidationException" });
});

test("CloudWatch hears of calls, their duration, their errors and those that were refused", async () => {
  await using it = service();
  await it.create({ Code: { ZipFile: await code(failing) } });
  await it.call("Invoke", { FunctionName: "greet" });
  await it.call("PutFunctionConcurrency", { FunctionName: "greet", ReservedConcurrentExecutions: 0 });
  await assert.rejects(it.call("Invoke", { FunctionName: "greet" }), { status: 429 });
  const seen = it.metrics.recorded.map(({ metric, value }) => [metric.namespace, metric.name, value]);
  assert.deepEqual(
    seen.filter(([, name]) => name !== "Duration"),
    [
      ["AWS/Lambda", "Invocations", 1],
      ["AWS/Lambda", "Errors", 1],
      ["AWS/Lambda", "Throttles", 0],
      ["AWS/Lambda", "Throttles", 1],
    ],
  );
});

test("functions are listed in pages, and a deleted one is gone", async () => {
  await using it = service();
  const ZipFile = await code(greet);
  for (const FunctionName of ["a", "b", "c"]) await it.create({ FunctionName, Code: { ZipFile } });
  const page = await it.call("ListFunctions", { MaxItems: 2 });
  const rest = await it.call("ListFunctions", { Marker: page["NextMarker"] });
  const names = [page, rest].flatMap((it) =>
    (it["Functions"] as { FunctionName: string }[]).map((one) => one.FunctionName),
  );
  assert.deepEqual(names, ["a", "b", "c"]);
  assert.equal(rest["NextMarker"], undefined);
  await it.call("DeleteFunction", { FunctionName: "b" });
  await assert.rejects(it.call("GetFunction", { FunctionName: "b" }), {
    code: "ResourceNotFoundException",
    message: "Function not found: arn:aws:lambda:us-east-1:123456789012:function:b",
  });
});

test("permissions, tags and concurrency are kept and answered", async () => {
  await using it = service();
  await it.create({ Code: { ZipFile: await code(greet) }, Tags: { team: "vehicles" } });
  const FunctionName = "greet";
  const permission = {
    FunctionName,
    StatementId: "s3",
    Action: "lambda:InvokeFunction",
    Principal: "s3.amazonaws.com",
  };
  await it.call("AddPermission", permission);
  await assert.rejects(it.call("AddPermission", permission), { status: 409 });
  const policy = JSON.parse(String((await it.call("GetPolicy", { FunctionName }))["Policy"]));
  assert.deepEqual(policy.Statement[0].Principal, { Service: "s3.amazonaws.com" });
  await it.call("RemovePermission", { FunctionName, StatementId: "s3" });
  await assert.rejects(it.call("GetPolicy", { FunctionName }), { status: 404 });
  await it.call("TagResource", { Resource: arn, Tags: { stage: "test" } });
  await it.call("UntagResource", { Resource: arn, TagKeys: ["team"] });
  assert.deepEqual(await it.call("ListTags", { Resource: arn }), { Tags: { stage: "test" } });
  await it.call("PutFunctionConcurrency", { FunctionName, ReservedConcurrentExecutions: 0 });
  await assert.rejects(it.call("Invoke", { FunctionName }), { code: "TooManyRequestsException", status: 429 });
  await it.call("DeleteFunctionConcurrency", { FunctionName });
  assert.equal((await it.call("Invoke", { FunctionName }))["StatusCode"], 200);
});

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

const queue = "arn:aws:sqs:us-east-1:123456789012:outcomes";
const failing = 'export const handler = async (event) => { throw new RangeError("no " + event.n); };';
const asEvent = { FunctionName: "greet", InvocationType: "Event", Payload: Buffer.from('{"n":7}') };

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

test("the account's settings say what this server allows and holds", async () => {
  await using it = service();
  const { CodeSize } = await it.create({ Code: { ZipFile: await code(greet) } });
  const { AccountUsage, AccountLimit } = await it.call("GetAccountSettings", {});
  assert.deepEqual(AccountUsage, { TotalCodeSize: CodeSize, FunctionCount: 1 });
  assert.equal((AccountLimit as { CodeSizeZipped: number }).CodeSizeZipped, 52_428_800);
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

test("a dry run checks and runs nothing", async () => {
  await using it = service();
  await it.create({
    Code: { ZipFile: await code("console.log('started'); export const handler = async () => console.log('ran');") },
  });
  assert.deepEqual(await it.call("Invoke", { FunctionName: "greet", InvocationType: "DryRun" }), { StatusCode: 204 });
  assert.equal(
    it.lines.some((line) => line.endsWith("ran")),
    false,
  );
});

function service({ isHurried = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "scones-lambda-"));
  const clock = systemClock();
  const lines: string[] = [];
  const reports: string[] = [];
  const objects = new Map<string, Buffer>();
  const logs = {
    append: (_group, _stream, events) => void lines.push(...events.map(({ message }) => message)),
  } as Pick<Logs, "append"> as Logs;
  const blobs = {
    get: async (key: string) => {
      const bytes = objects.get(key);
      return bytes && { sizeBytes: bytes.byteLength, body: Readable.from([bytes]) };
    },
  } as unknown as Blobs;
  const resources = memoryResources();
  const environments = functionEnvironments({ folder: join(folder, "run"), logs, clock, searchPath: "/usr/bin:/bin" });
  const pausesMs: number[] = [];
  const sent: { operation: string; input: Record<string, unknown> }[] = [];
  const operations: Operations = {
    has: () => true,
    async call(_service, operation, input) {
      sent.push({ operation, input: input as Record<string, unknown> });
      return { output: {}, requestId: "" };
    },
  };
  // Minutes pass at once, so that pauses of AWS's length can be waited for.
  let skippedMs = 0;
  const metrics = memoryMetrics();
  const hurried: Clock = {
    ...clock,
    now: () => clock.now() + skippedMs,
    schedule(delayMs, callback) {
      pausesMs.push(delayMs);
      if (delayMs < 60_000 || !isHurried) return clock.schedule(delayMs, callback);
      return clock.schedule(1, () => {
        skippedMs += delayMs;
        callback();
      });
    },
  };
  const start = () =>
    lambdaService({
      ...{ resources, blobs, environments, operations, metrics, clock: hurried, folder },
      ...{ region: "us-east-1", accountId: "123456789012" },
      report: (text) => void reports.push(text),
    });
  const it = {
    ...{ lines, reports, objects, resources, pausesMs, sent, metrics },
    lambda: start(),
    async call(operation: string, input: object): Promise<Record<string, unknown>> {
      return (await it.lambda.service.handlers[operation]!(input, callOf())) as Record<string, unknown>;
    },
    create: (input: object) =>
      it.call("CreateFunction", {
        FunctionName: "greet",
        Role: role,
        Runtime: "nodejs20.x",
        Handler: "index.handler",
        ...input,
      }),
    restart() {
      it.lambda = start();
      it.lambda.start();
    },
    async until(holds: () => boolean): Promise<void> {
      for (let i = 0; i < 500 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.ok(holds(), "waited ten seconds");
    },
    async [Symbol.asyncDispose]() {
      await it.lambda.close();
      await environments.close();
      rmSync(folder, { recursive: true });
    },
  };
  return it;
}

function callOf(): Call {
  const { signal } = new AbortController();
  return {
    requestId: randomUUID(),
    region: "us-east-1",
    accountId: "123456789012",
    baseUrl: "http://127.0.0.1",
    signal,
  };
}

function memoryResources(): Resources {
  const kept = new Map<string, Map<string, string>>();
  const of = (kind: string) => kept.get(kind) ?? kept.set(kind, new Map()).get(kind)!;
  const read = <T>(kind: string, id: string): Resource<T> | undefined => {
    const text = of(kind).get(id);
    return text === undefined ? undefined : { id, value: JSON.parse(text) as T, createdMs: 0, updatedMs: 0 };
  };
  const put = (kind: string, id: string, value: unknown) => void of(kind).set(id, JSON.stringify(value));
  return {
    get: read,
    put,
    create(kind, id, value) {
      if (of(kind).has(id)) return false;
      put(kind, id, value);
      return true;
    },
    update<T>(kind: string, id: string, change: (value: T) => T | undefined) {
      const old = read<T>(kind, id);
      const value = old && change(old.value);
      if (value !== undefined) put(kind, id, value);
      return read<T>(kind, id);
    },
    delete: (kind, id) => of(kind).delete(id),
    list<T>(
      kind: string,
      { prefix = "", after = "", limit }: { prefix?: string; after?: string; limit?: number } = {},
    ) {
      const ids = [...of(kind).keys()].filter((id) => id.startsWith(prefix) && id > after).sort();
      return ids.slice(0, limit).map((id) => read<T>(kind, id)!);
    },
    transaction: (work) => work(),
  };
}
