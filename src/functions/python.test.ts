// Python functions as AWS runs them, on every Python of this machine that Scones would use.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { jsonOf, type Machine, machine, textOf } from "./rig.test.ts";

const results: [name: string, expression: string, expected: string][] = [
  ["top-level bytes pass through raw", `b'"HelloWorld!"'`, '"HelloWorld!"'],
  ["nested bytes are text", `{"image": b"aGk=", "list": [b"x"]}`, '{"image": "aGk=", "list": ["x"]}'],
  ["bytes keys are text", `{b"k": 1}`, '{"k": 1}'],
  ["a tuple is a list", `(1, (2,), ())`, "[1, [2], []]"],
  ["a named tuple is an object", `P(1, b"z")`, '{"x": 1, "y": "z"}'],
  ["a Decimal is a number literal", `[D("1.10"), D("NaN")]`, "[1.10, NaN]"],
  ["infinities and NaN are bare words", `[float("nan"), float("inf"), -float("inf")]`, "[NaN, Infinity, -Infinity]"],
  [
    "keys that are numbers, booleans or None are text",
    `{1: 1, True: 2, None: 3, 1.5: 4}`,
    '{"1": 2, "null": 3, "1.5": 4}',
  ],
  ["a boolean key is written in lower case", `{True: 1, False: 0}`, '{"true": 1, "false": 0}'],
  ["separators have a space", `{"a": [1, 2], "b": {}}`, '{"a": [1, 2], "b": {}}'],
  ["floats are Python's", `[1e-05, 1.0, 0.1, 1e16]`, "[1e-05, 1.0, 0.1, 1e+16]"],
  ["nothing is null", "None", "null"],
  ["true and false", "[True, False]", "[true, false]"],
  ["large integers keep their digits", "2 ** 70", "1180591620717411303424"],
  ["control characters are escaped", `"a\\n\\t\\"\\x01"`, '"a\\n\\t\\"\\u0001"'],
];

const refused: [name: string, expression: string, message: string][] = [
  [
    "bytes that are no UTF-8",
    `{"a": b"\\xff"}`,
    "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
  ],
  ["a bytearray", `bytearray(b"x")`, "Object of type bytearray is not JSON serializable"],
  ["a set", `{"a": {1}}`, "Object of type set is not JSON serializable"],
  ["a datetime", `datetime.datetime(2026, 1, 1)`, "Object of type datetime is not JSON serializable"],
  ["a tuple as key", `{(1, 2): 3}`, "keys must be str, int, float, bool or None, not tuple"],
];

const source = `
import collections, datetime, logging, os, sys, time
from decimal import Decimal as D
P = collections.namedtuple("P", "x y")
def lambda_handler(event, context):
    if "eval" in event:
        return eval(event["eval"])
    if "exec" in event:
        exec(event["exec"])
    if "raise" in event:
        raise("THRESHOLD_CONFIDENCE_NOT_MET")
    return event
def about(event, context):
    return {"id": context.aws_request_id, "memory": context.memory_limit_in_mb, "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis(), "name": context.function_name, "version": context.function_version}
`;

const pythons = installedPythons();
test("there is a Python to test with", { skip: pythons.length === 0 && "no python3 is installed" }, () => {
  assert.ok(pythons.length > 0);
});

for (const python of pythons) {
  describe(`a function on ${python}`, () => {
    let it: Machine;
    before(() => {
      it = machine({ python });
    });
    after(() => it[Symbol.asyncDispose]());
    const evaluate = async (expression: string, runtime = "python3.11") =>
      it.call(it.define(source, { runtime, name: `marshal-${runtime.replace(".", "-")}` }), { eval: expression });

    for (const [name, expression, expected] of results) {
      test(`answers as AWS: ${name}`, async () => {
        const outcome = await evaluate(expression);
        assert.equal(textOf(outcome), expected);
        assert.equal(outcome.isError, false);
      });
    }
    for (const [name, expression, message] of refused) {
      test(`cannot answer ${name}`, async () => {
        const { errorType, errorMessage, stackTrace } = jsonOf(await evaluate(expression));
        assert.deepEqual([errorType, errorMessage], ["Runtime.MarshalError", `Unable to marshal response: ${message}`]);
        assert.deepEqual(stackTrace, []);
      });
    }
    test("escapes what is not ASCII up to python3.11, and not from python3.12 on", async () => {
      assert.equal(textOf(await evaluate(`"\\u00e9"`, "python3.11")), '"\\u00e9"');
      assert.equal(textOf(await evaluate(`"\\u00e9"`, "python3.12")), '"é"');
    });
    test("reports an exception with its class, its text and the frames of the user's code", async () => {
      const spec = it.define(source);
      const outcome = await it.call(spec, { raise: true });
      const { requestId, ...rest } = jsonOf(outcome);
      assert.match(String(requestId), /^[0-9a-f-]{36}$/);
      assert.deepEqual(rest, {
        errorMessage: "exceptions must derive from BaseException",
        errorType: "TypeError",
        stackTrace: [
          '  File "/var/task/lambda_function.py", line 11, in lambda_handler\n    raise("THRESHOLD_CONFIDENCE_NOT_MET")\n',
        ],
      });
      assert.deepEqual(Object.keys(jsonOf(outcome)), ["errorMessage", "errorType", "requestId", "stackTrace"]);
      const line = it.logs.lines(spec.logGroup).find((text) => text.startsWith("[ERROR]"));
      assert.equal(
        line,
        "[ERROR] TypeError: exceptions must derive from BaseException\rTraceback (most recent call last):\r" +
          '\u00a0\u00a0File "/var/task/lambda_function.py", line 11, in lambda_handler\r' +
          '\u00a0\u00a0\u00a0\u00a0raise("THRESHOLD_CONFIDENCE_NOT_MET")',
      );
    });
    test("ends with sys.exit as a process does", async () => {
      const spec = it.define(source, { name: "exits" });
      assert.match(String(jsonOf(await it.call(spec, { exec: "sys.exit(3)" }))["errorMessage"]), /exit status 3$/);
      const quiet = jsonOf(await it.call(spec, { exec: "sys.exit(0)" }));
      assert.equal(quiet["errorType"], "Runtime.ExitError");
      assert.match(String(quiet["errorMessage"]), /Runtime exited without providing a reason$/);
    });
    test("knows its context", async () => {
      const spec = it.define(source, { handler: "lambda_function.about", name: "about" });
      const { id, left, ...rest } = jsonOf(await it.call(spec));
      assert.match(String(id), /^[0-9a-f-]{36}$/);
      assert.ok(Number(left) > 5000 && Number(left) <= 10_000);
      assert.deepEqual(rest, { memory: "128", arn: spec.arn, name: "about", version: "$LATEST" });
    });
    test("logs through the logging module in AWS's format", async () => {
      const spec = it.define(source, { name: "logging" });
      await it.call(spec, { exec: "logging.getLogger().warning('watch %s', 'out')" });
      const line = it.logs.lines(spec.logGroup).find((text) => text.startsWith("[WARNING]"));
      assert.match(String(line), /^\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[0-9a-f-]{36}\twatch out$/);
    });
    test("gets a MemoryError for more than its memory", { skip: process.platform !== "linux" }, async () => {
      const outcome = await it.call(it.define(source, { name: "hog" }), { exec: "x = bytearray(1 << 30)" });
      assert.equal(jsonOf(outcome)["errorType"], "MemoryError");
    });
    const broken: [source: string, handler: string, type: string, message: RegExp][] = [
      [source, "nodot", "Runtime.MalformedHandlerName", /^Bad handler 'nodot': /],
      [source, "absent.f", "Runtime.ImportModuleError", /^Unable to import module 'absent': No module named 'absent'$/],
      ["import nowhere", "lambda_function.f", "Runtime.ImportModuleError", /No module named 'nowhere'$/],
      [source, "lambda_function.f", "Runtime.HandlerNotFound", /^Handler 'f' missing on module 'lambda_function'$/],
      ["def f(:", "lambda_function.f", "Runtime.UserCodeSyntaxError", /^Syntax error in module 'lambda_function': /],
      ["raise KeyError('x')", "lambda_function.f", "KeyError", /^'x'$/],
      [source, "sys.exit", "Runtime.BuiltInModuleConflict", /^Cannot use built-in module sys as a handler module$/],
    ];
    for (const [text, handler, type, message] of broken) {
      test(`that cannot start says why: ${type} for ${handler}`, async () => {
        const error = jsonOf(await it.call(it.define(text, { handler, name: "broken" })));
        assert.equal(error["errorType"], type);
        assert.match(String(error["errorMessage"]), message);
        assert.equal(error["requestId"], "");
      });
    }
  });
}

test("a function may import sagemaker without packaging it", { skip: pythons.length === 0 }, async () => {
  await using it = machine({ environmentOf: () => ({ AWS_ACCESS_KEY_ID: "x", AWS_SECRET_ACCESS_KEY: "y" }) });
  const spec = it.define(`
import sagemaker
from sagemaker.serializers import IdentitySerializer
from sagemaker.predictor import Predictor
def lambda_handler(event, context):
    predictor = sagemaker.Predictor("vehicles", sagemaker_session=sagemaker.Session())
    predictor.serializer = IdentitySerializer("image/png")
    return [predictor.endpoint_name, predictor.serializer.content_type, Predictor is sagemaker.predictor.Predictor]
`);
  const outcome = await it.call(spec);
  if (textOf(outcome).includes("No module named 'boto3'")) return;
  assert.equal(textOf(outcome), '["vehicles", "image/png", true]');
  assert.equal(it.logs.lines(spec.logGroup).filter((line) => line.includes("stand-in")).length, 1);
});

test("without Python a Python function fails with what to install", async () => {
  await using it = machine({ searchPath: "/nowhere" });
  await assert.rejects(it.environments.check("python3.12"), { message: /Python 3\.8 or newer.*Install python3/ });
  await assert.rejects(it.call(it.define(source)), { message: /Install python3/ });
});

function installedPythons(): string[] {
  const versions = join(homedir(), ".pyenv", "versions");
  const others = existsSync(versions) ? readdirSync(versions).filter((name) => /^3\.([89]|1\d)\./.test(name)) : [];
  return ["/usr/bin/python3", ...others.map((name) => join(versions, name, "bin", "python3"))].filter(existsSync);
}
