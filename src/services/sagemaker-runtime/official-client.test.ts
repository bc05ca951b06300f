import assert from "node:assert/strict";
import { test } from "node:test";
import { InvokeEndpointCommand, ModelError, SageMakerRuntimeClient } from "@aws-sdk/client-sagemaker-runtime";
import { Fault } from "../../kit/fault.ts";
import type { AsyncModels, Models } from "../../ports/models.ts";
import { createWireServer } from "../../wire/server.ts";
import { sagemakerRuntimeService } from "./sagemaker-runtime-service.ts";

test("the official client reads an answer with its type and variant", async () => {
  const { client, close } = await clientOf({
    invoke: async (name, { body, contentType }) => ({
      body: Buffer.from(`${name} ${contentType} ${body.length}`),
      contentType: "application/json",
      variantName: "AllTraffic",
    }),
  });
  const answer = await client.send(
    new InvokeEndpointCommand({ EndpointName: "Birds", Body: Buffer.from("picture"), ContentType: "image/png" }),
  );
  await close();
  assert.equal(Buffer.from(answer.Body ?? "").toString(), "Birds image/png 7");
  assert.deepEqual([answer.ContentType, answer.InvokedProductionVariant], ["application/json", "AllTraffic"]);
});

test("the official client reads a model's error as the typed exception", async () => {
  const { client, close } = await clientOf({
    invoke: async () => {
      throw new Fault("ModelError", "Received client error (400) from primary", {
        status: 424,
        members: { OriginalStatusCode: 400, OriginalMessage: "unable to evaluate payload provided" },
      });
    },
  });
  const failed = client.send(new InvokeEndpointCommand({ EndpointName: "birds", Body: Buffer.from("x") }));
  const error = await failed.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  await close();
  assert.ok(error instanceof ModelError);
  assert.equal(error.$metadata.httpStatusCode, 424);
  assert.equal(error.OriginalStatusCode, 400);
  assert.equal(error.OriginalMessage, "unable to evaluate payload provided");
});

test("the official client sees a full queue as 503 and an unknown endpoint as a validation error", async () => {
  const faults = [
    new Fault("ServiceUnavailable", "The service is unavailable. Try your call again.", { status: 503 }),
    new Fault("ValidationError", "Endpoint birds of account 123456789012 not found."),
  ];
  const { client, close } = await clientOf({
    invoke: async () => {
      throw faults.shift();
    },
  });
  const ask = () =>
    client.send(new InvokeEndpointCommand({ EndpointName: "birds", Body: Buffer.from("x") })).then(
      () => "answered",
      ({ name, $metadata }: { name: string; $metadata: { httpStatusCode: number } }) =>
        `${name} ${$metadata.httpStatusCode}`,
    );
  const outcomes = [await ask(), await ask()];
  await close();
  assert.deepEqual(outcomes, ["ServiceUnavailable 503", "ValidationError 400"]);
});

async function clientOf(models: Models) {
  const server = await createWireServer({
    services: [sagemakerRuntimeService({ models, asyncModels: noQueue })],
    port: 0,
    clock: { now: () => Date.now(), uuid: () => "00000000-0000-4000-8000-000000000000" },
  });
  const client = new SageMakerRuntimeClient({
    endpoint: server.url,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
  const close = async () => {
    client.destroy();
    await server.close();
  };
  return { client, close };
}

const noQueue: AsyncModels = {
  submit: async () => {
    throw new Error("not in this test");
  },
};
