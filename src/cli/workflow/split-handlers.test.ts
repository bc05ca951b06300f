import assert from "node:assert/strict";
import { test } from "node:test";
import { SplitError, splitHandlers } from "./split-handlers.ts";

const combined = `"""
def lambda_handler(event, context): not code
"""
import base64
import boto3

# first
def lambda_handler(event, context):
    boto3.client("s3").download_file(event["b"], event["k"], "/tmp/image.png")
    text = """
def lambda_handler(in a text):
"""
    return {"statusCode": 200}


# second
import json
ENDPOINT = "x"

def helper(
    value,
):
    return value

@decorated
def lambda_handler(event, context):
    return helper(runtime.invoke_endpoint(EndpointName=ENDPOINT))

THRESHOLD = .93
def lambda_handler(event, context):
    if max(event["inferences"]) < THRESHOLD: raise("THRESHOLD_CONFIDENCE_NOT_MET")
    return event
`;

test("each handler becomes a module with everything above it and without the handlers that it replaces", () => {
  const [first, second, third] = splitHandlers(combined);
  assert.ok(first?.source.endsWith('    return {"statusCode": 200}\n'));
  assert.doesNotMatch(second?.source ?? "", /download_file|THRESHOLD/);
  assert.match(second?.source ?? "", /import boto3.*import json.*def helper\(.*@decorated\ndef lambda_handler/s);
  assert.match(third?.source ?? "", /THRESHOLD = \.93\ndef lambda_handler/);
  assert.doesNotMatch(third?.source ?? "", /@decorated|invoke_endpoint/);
});

test("handlers are found by name or by arguments, told by what they do, and shown with their line", () => {
  const seen = splitHandlers(combined).map(({ handler, line, role }) => [handler, line, role]);
  assert.deepEqual(seen, [
    ["lambda_handler", 8, "serialize"],
    ["lambda_handler", 26, "classify"],
    ["lambda_handler", 30, "filter"],
  ]);
  assert.equal(splitHandlers("def run(event, context=None):\n    pass\n")[0]?.handler, "run");
});

test("a file without handlers, or with a text that never ends, is refused with the reason", () => {
  assert.throws(() => splitHandlers("def helper(a):\n    return a\n"), SplitError);
  assert.throws(() => splitHandlers('x = """\ndef lambda_handler(event, context):\n    pass\n'), {
    message: "it ends inside the text that begins on line 1",
  });
});
