import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../kit/fault.ts";
import type { AsyncModels, InferenceRequest, Models } from "../../ports/models.ts";
import type { Handler } from "../../wire/service.ts";
import { testCall } from "../../wire/testing/call.ts";
import { maxInvocationBytes, sagemakerRuntimeService } from "./sagemaker-runtime-service.ts";

const call = testCall({ accountId: "123456789012" });

test("an invocation reaches the endpoint with its headers, and the answer names the variant", async () => {
  const { invoke, seen } = runtime();
  const output = await invoke({
    EndpointName: "birds",
    Body: Buffer.from("picture"),
    ContentType: "image/png",
    Accept: "*/*",
    CustomAttributes: "trace=1",
    TargetVariant: "B",
    InferenceId: "mine",
  });
  assert.deepEqual(output, {
    Body: Buffer.from("[1.0, 0.0]"),
    ContentType: "application/json",
    InvokedProductionVariant: "B",
  });
  const { body, contentType, accept, customAttributes, targetVariant, inferenceId, signal } =
    seen[0] as InferenceRequest;
  assert.deepEqual([Buffer.from(body).toString(), contentType, accept], ["picture", "image/png", "*/*"]);
  assert.deepEqual([customAttributes, targetVariant, inferenceId], ["trace=1", "B", "mine"]);
  assert.equal(signal, call.signal);
});

test("a body without a content type is taken for a picture", async () => {
  const { invoke, seen } = runtime();
  await invoke({ EndpointName: "birds", Body: Buffer.from("picture") });
  assert.equal(seen[0]?.contentType, "application/x-image");
});

test("a body above six megabytes is refused before it reaches the model", async () => {
  const { invoke, seen } = runtime();
  const Body = Buffer.alloc(maxInvocationBytes + 1);
  await assert.rejects(invoke({ EndpointName: "birds", Body }), { code: "ValidationError", status: 413 });
  assert.equal(seen.length, 0);
});

test("a target model is refused, not ignored", async () => {
  const { invoke } = runtime();
  await assert.rejects(invoke({ EndpointName: "birds", Body: Buffer.alloc(1), TargetModel: "other.tar.gz" }), {
    code: "ValidationError",
  });
});

test("a streamed answer has a part for each piece of the model's, and breaks off with an error of its own", async () => {
  const models: Models = {
    invoke: async (_name, { onPart }) => {
      for (const text of ["one ", "two "]) {
        onPart?.({ body: Buffer.from(text), contentType: "text/plain", variantName: "A" });
        await new Promise((resolve) => setImmediate(resolve));
      }
      throw new Fault("ModelError", "the container ended", { status: 424 });
    },
  };
  const { handlers } = sagemakerRuntimeService({ models, asyncModels: noQueue });
  const ask = handlers["InvokeEndpointWithResponseStream"] as Handler;
  const output = (await ask({ EndpointName: "birds", Body: Buffer.from("x") }, call)) as {
    Body: AsyncIterable<{ PayloadPart: { Bytes: Buffer } }>;
    ContentType: string;
    InvokedProductionVariant: string;
  };
  const parts: string[] = [];
  const reading = (async () => {
    for await (const { PayloadPart } of output.Body) parts.push(PayloadPart.Bytes.toString());
  })();
  await assert.rejects(reading, { code: "ModelStreamError", members: { ErrorCode: "StreamBroken" } });
  assert.deepEqual(parts, ["one ", "two "]);
  assert.deepEqual([output.ContentType, output.InvokedProductionVariant], ["text/plain", "A"]);
});

function runtime() {
  const seen: InferenceRequest[] = [];
  const models: Models = {
    invoke: async (_name, request) => {
      seen.push(request);
      return {
        body: Buffer.from("[1.0, 0.0]"),
        contentType: "application/json",
        variantName: request.targetVariant ?? "A",
      };
    },
  };
  const handler = sagemakerRuntimeService({ models, asyncModels: noQueue }).handlers["InvokeEndpoint"] as Handler;
  return { seen, invoke: async (input: object) => handler(input, call) };
}

const noQueue: AsyncModels = {
  submit: async () => {
    throw new Error("not in this test");
  },
};
