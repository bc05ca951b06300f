import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonWriterOf } from "./json-writer.ts";
import { loadModel } from "./model.ts";

function write(service: string, operation: string, output: object): unknown {
  const shape = loadModel(service).operations.get(operation)?.output;
  assert.ok(shape);
  return JSON.parse(jsonWriterOf(shape)(output));
}

test("an answer's text means what its handler gave, whatever characters it has", () => {
  const texts = [
    "plain",
    'a "quoted" \\ one',
    "line\nbreak\u0000\u001f",
    "ü€\u{1f6b2}",
    "\ud800 alone",
    "x".repeat(1000),
    "",
  ];
  for (const definition of texts) {
    const answer = { stateMachineArn: "arn", name: "n", definition, roleArn: "r", type: "STANDARD" };
    assert.deepEqual(write("states", "DescribeStateMachine", answer), answer);
  }
});

test("members that the model does not have, and those without a value, are left out", () => {
  const output = { TrainingJobArn: "arn", Secret: 1, TrainingJobName: undefined };
  assert.deepEqual(write("sagemaker", "CreateTrainingJob", output), { TrainingJobArn: "arn" });
  assert.deepEqual(write("sagemaker", "CreateTrainingJob", {}), {});
});

test("times are seconds, and numbers that JSON lacks are names", () => {
  const output = {
    TrainingJobArn: "arn",
    CreationTime: new Date(1_500),
    FinalMetricDataList: [{ MetricName: "loss", Value: Number.NaN, Timestamp: new Date(0) }],
    HyperParameters: Object.fromEntries([
      ["b", "1"],
      ["__proto__", '"'],
    ]),
    InputDataConfig: [],
  };
  assert.equal(
    JSON.stringify(write("sagemaker", "DescribeTrainingJob", output)),
    [
      '{"TrainingJobArn":"arn"',
      '"CreationTime":1.5',
      '"HyperParameters":{"b":"1","__proto__":"\\""}',
      '"InputDataConfig":[]',
      '"FinalMetricDataList":[{"MetricName":"loss","Value":"NaN","Timestamp":0}]}',
    ].join(","),
  );
});

test("bytes are base64", () => {
  const shape = loadModel("lambda").operations.get("Invoke")?.input;
  assert.ok(shape);
  const text = jsonWriterOf(shape)({ FunctionName: "f", Payload: Buffer.from("{}") });
  assert.equal(text, '{"FunctionName":"f","Payload":"e30="}');
});
