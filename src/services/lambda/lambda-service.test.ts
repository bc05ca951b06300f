import assert from "node:assert/strict";
import { test } from "node:test";
import { arn, code, failing, greet, service } from "./rig.test.ts";

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
      ["AWS/Lambda", "ConcurrentExecutions", 1],
      ["AWS/Lambda", "Throttles", 1],
    ],
  );
});

test("CloudWatch hears how many calls of a function ran at once", async () => {
  await using it = service();
  await it.create({ Code: { ZipFile: await code(greet) } });
  await Promise.all([1, 2, 3].map(() => it.call("Invoke", { FunctionName: "greet" })));
  const counts = it.metrics.recorded.filter(({ metric }) => metric.name === "ConcurrentExecutions");
  assert.equal(Math.max(...counts.map(({ value }) => value)), 3);
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

test("the account's settings say what this server allows and holds", async () => {
  await using it = service();
  const { CodeSize } = await it.create({ Code: { ZipFile: await code(greet) } });
  const { AccountUsage, AccountLimit } = await it.call("GetAccountSettings", {});
  assert.deepEqual(AccountUsage, { TotalCodeSize: CodeSize, FunctionCount: 1 });
  assert.equal((AccountLimit as { CodeSizeZipped: number }).CodeSizeZipped, 52_428_800);
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
