import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Image } from "../images/image.ts";
import { encodePng } from "../images/png-encode.ts";
import type { Models } from "../ports/models.ts";
import { Gateway, type GatewayOptions } from "./gateway.ts";
import type { EndpointDefinition } from "./generation.ts";
import { modelServerOrigin } from "./model-server.ts";
import { writeTinyModel } from "./testing/tiny-model.ts";
import { memoryBlobs, memoryLogs, realClock, until } from "./testing/world.ts";

const root = mkdtempSync(join(tmpdir(), "gateway-"));
after(() => rmSync(root, { recursive: true }));
writeTinyModel(join(root, "weak"), 1);
writeTinyModel(join(root, "strong"), 4);

test("a red picture is red, a blue one is blue, and the answer says which variant gave it", async () => {
  const { gateway, done } = await serving("strong");
  const red = await gateway.invoke("colours", { body: picture(255, 0), contentType: "image/png" });
  const blue = await gateway.invoke("colours", { body: picture(0, 255), contentType: "application/x-image" });
  await done();
  assert.deepEqual([red.variantName, red.contentType], ["AllTraffic", "application/json"]);
  assert.ok(probabilities(red)[0] > 0.999);
  assert.ok(probabilities(blue)[1] > 0.999);
  assert.match(Buffer.from(red.body).toString(), /^\[0\.999\d+, 0\.000\d+\]$/);
});

test("JSON lines are answered to those who ask for them", async () => {
  const { gateway, done } = await serving("strong");
  const answer = await gateway.invoke("colours", {
    body: picture(255, 0),
    contentType: "image/png",
    accept: "application/jsonlines",
  });
  await done();
  assert.equal(answer.contentType, "application/jsonlines");
  assert.match(Buffer.from(answer.body).toString(), /^\{"prediction": \[0\.\d+, 0\.\d+\]\}\n$/);
});

test("bytes that are no picture are the model's error 400, in AWS's words", async () => {
  const { gateway, logs, done } = await serving("strong");
  await assert.rejects(gateway.invoke("colours", { body: Buffer.from("hello"), contentType: "image/png" }), {
    code: "ModelError",
    status: 424,
    message:
      'Received client error (400) from primary with message "unable to evaluate payload provided". See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:group=/aws/sagemaker/Endpoints/colours in account 123456789012 for more information.',
    members: {
      OriginalStatusCode: 400,
      OriginalMessage: "unable to evaluate payload provided",
      LogStreamArn: "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/colours",
    },
  });
  await done();
  assert.match([...logs.lines.values()].flat().join(), /not a PNG, JPEG/);
});

test("a content type that the model does not read is the model's error 415", async () => {
  const { gateway, done } = await serving("strong");
  await assert.rejects(gateway.invoke("colours", { body: picture(1, 1), contentType: "text/csv" }), {
    code: "ModelError",
    message: /client error \(415\)/,
  });
  await done();
});

test("every kind of picture that is decoded is taken under its own content type", async () => {
  const { gateway, done } = await serving("strong");
  for (const contentType of ["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"]) {
    const { body } = await gateway.invoke("colours", { body: picture(1, 1), contentType });
    assert.ok(body.length > 0, contentType);
  }
  await done();
});

test("an endpoint that is not there is a validation error, and names match by case", async () => {
  const { gateway, done } = await serving("strong");
  await assert.rejects(gateway.invoke("Colours", { body: picture(1, 1), contentType: "image/png" }), {
    code: "ValidationError",
    message: "Endpoint Colours of account 123456789012 not found.",
  });
  await done();
});

test("two variants share the requests by weight, and one can be asked for", async () => {
  const { gateway, done } = await serving("strong", {
    variants: [variant("strong", "A", 3), variant("weak", "B", 1)],
  });
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask(gateway)));
  const target = await gateway.invoke("colours", { body: picture(1, 1), contentType: "image/png", targetVariant: "B" });
  await done();
  const share = answers.filter(({ variantName }) => variantName === "A").length / 200;
  assert.ok(share > 0.6 && share < 0.9, `share ${share}`);
  assert.equal(target.variantName, "B");
});

test("killing every worker again and again under load loses no request", async () => {
  const { gateway, done } = await serving("strong", { workers: 2 });
  let kills = 0;
  const killer = setInterval(() => {
    for (const pid of gateway.workerIds("colours")) {
      process.kill(pid, "SIGKILL");
      kills++;
    }
  }, 400);
  const answers = await load(gateway, (answered) => answered >= 200 && kills >= 4);
  clearInterval(killer);
  await done();
  assert.deepEqual(
    answers.filter((answer) => answer instanceof Error),
    [],
  );
});

test("replacing the model under load loses no request, and afterwards only the new one answers", async () => {
  const { gateway, done } = await serving("weak", { workers: 2 });
  let isReplaced = false;
  const loading = load(gateway, (answered) => answered >= 200 && isReplaced);
  for (const model of ["strong", "weak", "strong"]) await gateway.deploy(definition(model, { workers: 2 }));
  const afterwards = probabilities(await ask(gateway))[0];
  isReplaced = true;
  const answers = await loading;
  await done();
  assert.ok(afterwards > 0.99, `${afterwards}`);
  assert.deepEqual(
    answers.filter((answer) => answer instanceof Error),
    [],
  );
});

test("scaling up and down under load loses no request", async () => {
  const { gateway, done } = await serving("strong");
  let isScaled = false;
  const loading = load(gateway, (answered) => answered >= 200 && isScaled);
  await gateway.adjust("colours", [{ variantName: "AllTraffic", workers: 3 }]);
  const grown = gateway.workerIds("colours").length;
  await gateway.adjust("colours", [{ variantName: "AllTraffic", workers: 1 }]);
  const shrunk = gateway.workerIds("colours").length;
  isScaled = true;
  const answers = await loading;
  await done();
  assert.deepEqual([grown, shrunk], [3, 1]);
  assert.deepEqual(
    answers.filter((answer) => answer instanceof Error),
    [],
  );
});

test("a damaged model is refused by its digest and the one before stays", async () => {
  const { gateway, done } = await serving("strong");
  writeTinyModel(join(root, "damaged"));
  const file = join(root, "damaged", "model.onnx");
  const bytes = readFileSync(file);
  const weights = bytes.indexOf("weights") + 20;
  bytes[weights] = (bytes[weights] as number) ^ 1;
  writeFileSync(file, bytes);
  await assert.rejects(gateway.deploy(definition("damaged")), /model\.onnx is damaged: its SHA-256 is/);
  const answer = await ask(gateway);
  await done();
  assert.ok(probabilities(answer)[0] > 0.999);
});

test("a model whose numbers are no probabilities does not pass its trial", async () => {
  const manifest = writeTinyModel(join(root, "nonsense"));
  manifest.labels.push("a third class");
  writeFileSync(join(root, "nonsense", "model.json"), JSON.stringify(manifest));
  await assert.rejects(serving("nonsense"), /answers float32 \[1, 2\], expected float32 \[1, 3\]/);
});

test("a network that was exported for one picture at a time answers many at once", async () => {
  writeTinyModel(join(root, "single"), 4, 1);
  const { gateway, done } = await serving("single");
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(gateway)));
  await done();
  assert.equal(new Set(answers.map(({ body }) => Buffer.from(body).toString())).size, 1);
});

test("a network that was exported for three pictures at a time is refused with advice", async () => {
  writeTinyModel(join(root, "triple"), 4, 3);
  const gateway = gatewayOf();
  await assert.rejects(gateway.deploy(definition("triple")), /takes exactly 3 pictures at once; export it with a free/);
  await gateway.close();
});

test("more threads per worker leave room for fewer workers", async () => {
  const gateway = gatewayOf();
  const model = { type: "package", folder: join(root, "strong"), threads: 2 } as const;
  await gateway.deploy({ ...definition("strong"), variants: [{ ...variant("strong"), workers: 9, model }] });
  const workers = gateway.workerIds("colours").length;
  const answer = await ask(gateway);
  await gateway.close();
  assert.deepEqual([workers, JSON.parse(Buffer.from(answer.body).toString()).length], [2, 2]);
});

test("a full queue is answered 503 at once, and what was taken is answered", async () => {
  const { gateway, done } = await serving("strong", { workers: 1 }, { maxQueue: 5 });
  const answers = await Promise.all(Array.from({ length: 60 }, () => ask(gateway).catch((error: Error) => error)));
  await done();
  const refused = answers.filter((answer) => answer instanceof Error) as unknown as { code: string; status: number }[];
  assert.ok(refused.length >= 40);
  assert.deepEqual(
    new Set(refused.map(({ code, status }) => `${code} ${status}`)),
    new Set(["ServiceUnavailable 503"]),
  );
  assert.ok(answers.length - refused.length >= 13);
});

test("an endpoint whose queue is full refuses the next request before it is read, and counts it", async () => {
  const { gateway, done } = await serving("strong", { workers: 1 }, { maxQueue: 5 });
  const asked = Promise.allSettled(Array.from({ length: 30 }, () => ask(gateway)));
  const refusals = [gateway.refusesNow("colours"), gateway.refusesNow("elsewhere")];
  const answered = (await asked).filter(({ status }) => status === "fulfilled").length;
  refusals.push(gateway.refusesNow("colours"));
  const counted = gateway.metricsText();
  await done();
  assert.deepEqual(refusals, [true, false, false]);
  // How many a worker is handed ahead of the queue of five depends on how fast it has shown itself.
  assert.ok(answered > 5 && answered < 30, `${answered} answered`);
  for (const [code, count] of [
    [200, answered],
    [503, 30 - answered + 1],
  ])
    assert.ok(counted.includes(`invocations_total{endpoint="colours",variant="AllTraffic",code="${code}"} ${count}\n`));
});

test("captured inferences are in the file once the endpoint is gone", async () => {
  const { gateway, blobs } = await serving("strong", {
    capture: {
      destination: "bucket/captured",
      samplingPercentage: 100,
      capturesInput: true,
      capturesOutput: true,
      csvContentTypes: [],
      jsonContentTypes: ["application/json"],
    },
  });
  await ask(gateway);
  await gateway.remove("colours");
  const [key, lines] = [...blobs.contents][0] as [string, Buffer];
  assert.match(
    key,
    /^bucket\/captured\/colours\/AllTraffic\/\d{4}\/\d\d\/\d\d\/\d\d\/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl$/,
  );
  assert.match(JSON.parse(lines.toString()).captureData.endpointOutput.data, /^\[0\.999/);
});

test("requests to an endpoint that comes back after a restart wait for it", async () => {
  const gateway = gatewayOf();
  const restored = gateway.restore(definition("strong"));
  const answer = await ask(gateway);
  await restored;
  await gateway.close();
  assert.ok(probabilities(answer)[0] > 0.999);
});

test("a model server that already runs is asked as a container is", async () => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers["content-type"] ?? ""}`);
    request.resume().on("end", () => {
      if (request.url === "/ping") response.end();
      else if (request.headers["content-type"] === "text/bad") response.writeHead(422).end("not like this");
      else response.writeHead(200, { "content-type": "text/plain" }).end("my answer");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gateway = gatewayOf();
  await gateway.deploy({
    ...definition("strong"),
    variants: [{ ...variant("strong"), model: { type: "server", origin } }],
  });
  const answer = await gateway.invoke("colours", { body: Buffer.from("x"), contentType: "text/csv" });
  await assert.rejects(gateway.invoke("colours", { body: Buffer.from("x"), contentType: "text/bad" }), {
    code: "ModelError",
    message: /^Received client error \(422\) from primary with message "not like this"/,
  });
  await gateway.close();
  server.close();
  assert.equal(Buffer.from(answer.body).toString(), "my answer");
  assert.deepEqual(seen.slice(0, 2), ["GET /ping ", "POST /invocations text/csv"]);
});

test("only model servers on this machine may be named", () => {
  assert.equal(modelServerOrigin("process:http://127.0.0.1:8080"), "http://127.0.0.1:8080");
  assert.equal(modelServerOrigin("process:http://example.com:8080"), undefined);
  assert.equal(modelServerOrigin("image-classification:1"), undefined);
});

test("closing leaves no worker behind", async () => {
  const { gateway, done } = await serving("strong", { workers: 2 });
  const pids = gateway.workerIds("colours");
  await done();
  assert.equal(pids.length, 2);
  await until(() => pids.every((pid) => !isAlive(pid)));
});

function gatewayOf(options: Partial<GatewayOptions> = {}) {
  return new Gateway({
    clock: realClock,
    blobs: memoryBlobs(),
    logs: memoryLogs(),
    region: "us-east-1",
    accountId: "123456789012",
    maxWorkersPerVariant: 4,
    ...options,
  });
}

interface Changes extends Partial<EndpointDefinition> {
  workers?: number;
}

async function serving(model: string, changes: Changes = {}, options: Partial<GatewayOptions> = {}) {
  const blobs = memoryBlobs();
  const logs = memoryLogs();
  const gateway = gatewayOf({ blobs, logs, ...options });
  await gateway.deploy(definition(model, changes));
  return { gateway, blobs, logs, done: () => gateway.close() };
}

function definition(model: string, { workers = 1, ...changes }: Changes = {}): EndpointDefinition {
  return { name: "colours", configName: "colours", variants: [{ ...variant(model), workers }], ...changes };
}

function variant(model: string, name = "AllTraffic", weight = 1) {
  return { name, weight, workers: 1, model: { type: "package", folder: join(root, model) } as const };
}

function ask(models: Models) {
  return models.invoke("colours", { body: picture(255, 0), contentType: "image/png" });
}

/** Sixteen clients that ask again and again until enough was answered: how long that takes is the machine's business. */
async function load(models: Models, isEnough: (answered: number) => boolean): Promise<unknown[]> {
  const answers: unknown[] = [];
  const client = async () => {
    while (!isEnough(answers.length)) answers.push(await ask(models).catch((error: Error) => error));
  };
  await Promise.all(Array.from({ length: 16 }, client));
  return answers;
}

function picture(red: number, blue: number): Uint8Array {
  const image: Image = {
    width: 4,
    height: 4,
    data: Uint8Array.from({ length: 48 }, (_, i) => [red, 0, blue][i % 3] as number),
  };
  return encodePng(image);
}

function probabilities({ body }: { body: Uint8Array }): [number, number] {
  return JSON.parse(Buffer.from(body).toString());
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
