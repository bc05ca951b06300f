import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Fault } from "../kit/fault.ts";
import { operationsOf } from "./operations.ts";
import type { Service } from "./service.ts";

const moment = new Date("2026-11-20T23:00:00Z");
const states: Service = {
  name: "states",
  handlers: {
    StartExecution: (input: { stateMachineArn: string; input: string }) => {
      return { executionArn: `${input.stateMachineArn}:${input.input}`, startDate: moment, unknownMember: 1 };
    },
  },
};
const runtime: Service = {
  name: "sagemaker-runtime",
  handlers: { InvokeEndpoint: ({ Body }: { Body: Buffer }) => ({ Body: Buffer.concat([Body, Body]) }) },
};
const s3: Service = {
  name: "s3",
  handlers: { GetObject: () => ({ Body: Readable.from([Buffer.from("a"), Buffer.from("b")]) }) },
};
const sns: Service = {
  name: "sns",
  handlers: {
    Publish: () => {
      throw new Fault("NotFound", "Topic does not exist", { status: 404 });
    },
  },
};
const operations = operationsOf([states, runtime, s3, sns], {
  region: "us-east-1",
  accountId: "000000000000",
  baseUrl: () => "http://127.0.0.1:1",
  uuid: () => "id",
});

test("members begin with a capital in process, whatever the model calls them", async () => {
  const { output, requestId } = await operations.call("states", "StartExecution", {
    StateMachineArn: "arn",
    Input: { a: 1 },
  });
  assert.deepEqual(
    { output, requestId },
    { output: { ExecutionArn: 'arn:{"a":1}', StartDate: moment }, requestId: "id" },
  );
});

test("bytes may be given as text, as JSON or as bytes, and come back as bytes", async () => {
  const { output } = await operations.call("sagemaker-runtime", "InvokeEndpoint", {
    EndpointName: "e",
    Body: { a: 1 },
  });
  assert.equal(String(output["Body"]), '{"a":1}{"a":1}');
});

test("an object is read whole for a caller in process", async () => {
  const { output } = await operations.call("s3", "GetObject", { Bucket: "b", Key: "k" });
  assert.equal(String(output["Body"]), "ab");
});

test("what is missing, unknown or wrong is said before the service is asked", async () => {
  const call = (input: object) => operations.call("states", "StartExecution", input);
  await assert.rejects(call({}), { code: "ValidationException", message: /Value null at 'stateMachineArn'/ });
  await assert.rejects(call({ StateMachineArn: "a", Colour: "red" }), {
    message: /no parameter "Colour"; there are StateMachineArn/,
  });
  await assert.rejects(call({ StateMachineArn: 3 }), { code: "SerializationException" });
});

test("faults carry their modelled names", async () => {
  await assert.rejects(operations.call("sns", "Publish", { Message: "m" }), { code: "NotFoundException" });
});

test("what nobody answers is known beforehand, and named", async () => {
  assert.equal(operations.has("states", "StartExecution"), true);
  assert.equal(operations.has("states", "constructor"), false);
  assert.equal(operations.has("dynamodb", "GetItem"), false);
  await assert.rejects(operations.call("dynamodb", "GetItem", {}), { message: /does not answer dynamodb\.GetItem/ });
});
