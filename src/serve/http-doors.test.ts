import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { decodeImage } from "../images/decode-image.ts";
import { encodePng } from "../images/png-encode.ts";
import { Fault } from "../kit/fault.ts";
import type { Models } from "../ports/models.ts";
import { type DoorOptions, httpDoors } from "./http-doors.ts";

const credentials = [{ accessKeyId: "AKID", secretAccessKey: "secret" }];
const authorization = `Basic ${Buffer.from("AKID:secret").toString("base64")}`;

/** Answers the red and the green of a picture's first pixel. */
const models: Models = {
  invoke: async (name, { body }) => {
    if (name === "busy") throw new Fault("ServiceUnavailable", "The service is unavailable.", { status: 503 });
    const { data } = decodeImage(body);
    return { body: Buffer.from(`[${data[0]}, ${data[1]}]`), contentType: "application/json", variantName: "all" };
  },
};
const file = Buffer.from(encodePng({ width: 1, height: 1, data: Uint8Array.of(7, 8, 9) }));

test("encoded pictures are inferred as BYTES, as base64 in JSON", async () => {
  const input = {
    name: "image",
    datatype: "BYTES",
    shape: [2],
    data: [file, file].map((one) => one.toString("base64")),
  };
  const { status, answer } = await ask("/v2/models/birds/infer", JSON.stringify({ id: "mine", inputs: [input] }));
  assert.equal(status, 200);
  assert.deepEqual(answer, {
    model_name: "birds",
    model_version: "1",
    id: "mine",
    outputs: [{ name: "probabilities", datatype: "FP32", shape: [2, 2], data: [7, 8, 7, 8] }],
  });
});

test("encoded pictures are inferred as they are in the binary extension", async () => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(file.length);
  const binary = Buffer.concat([length, file]);
  const input = { name: "image", datatype: "BYTES", shape: [1], parameters: { binary_data_size: binary.length } };
  const json = Buffer.from(JSON.stringify({ inputs: [input] }));
  const { answer } = await ask("/v2/models/birds/infer", Buffer.concat([json, binary]), {
    "inference-header-content-length": String(json.length),
  });
  assert.deepEqual(answer.outputs[0].data, [7, 8]);
});

test("tensors of pixels are pictures, with the channels first or last", async () => {
  const planar = { name: "image", datatype: "FP32", shape: [1, 3, 1, 2], data: [[[[1, 4]], [[2, 5]], [[3, 6]]]] };
  const packed = { name: "image", datatype: "UINT8", shape: [1, 1, 2, 3], data: [1, 2, 3, 4, 5, 6] };
  const answers = await Promise.all(
    [planar, packed].map((input) => ask("/v2/models/birds/infer", JSON.stringify({ inputs: [input] }))),
  );
  assert.deepEqual(
    answers.map(({ answer }) => answer.outputs[0].data),
    [
      [1, 2],
      [1, 2],
    ],
  );
});

test("what is wrong with a request is said with a status of HTTP", async () => {
  const bytes = { name: "image", datatype: "BYTES", shape: [1], data: [file.toString("base64")] };
  const answers = await Promise.all([
    ask("/v2/models/birds/infer", "{"),
    ask("/v2/models/birds/infer", JSON.stringify({ inputs: [{ ...bytes, datatype: "INT64" }] })),
    ask("/v2/models/birds/infer", JSON.stringify({ inputs: [{ ...bytes, shape: [5] }] })),
    ask("/v2/models/none/infer", "{}"),
    ask("/v2/models/busy/infer", JSON.stringify({ inputs: [bytes] })),
    ask("/v2/models/birds/infer", "x".repeat(5_000)),
    ask("/v2/elsewhere", ""),
  ]);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [400, 400, 400, 404, 503, 413, 404],
  );
});

test("where callers must sign, the doors ask for the same key, and health for none", async () => {
  const answers = await Promise.all([
    ask("/_scones/metrics", undefined, { authorization: "" }),
    ask("/_scones/metrics", undefined, { authorization: `Basic ${Buffer.from("AKID:guess").toString("base64")}` }),
    ask("/v2/health/ready", undefined, { authorization: "" }),
    ask("/v2/models/birds/ready"),
  ]);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [401, 401, 200, 200],
  );
});

async function ask(path: string, body?: string | Buffer, headers: Record<string, string> = {}) {
  const options: DoorOptions = {
    models,
    hasEndpoint: (name) => name !== "none",
    metricsText: () => "scones 1\n",
    credentials,
    maxBodyBytes: 4_000,
  };
  const doors = httpDoors(options);
  const server = createServer((request, response) => void doors(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  const method = body === undefined ? "GET" : "POST";
  const response = await fetch(url, {
    method,
    headers: { authorization, ...headers },
    ...(body === undefined ? {} : { body: body as string }),
  });
  const text = await response.text();
  server.close();
  server.closeAllConnections();
  return { status: response.status, answer: JSON.parse(text.startsWith("{") ? text : "{}") };
}
