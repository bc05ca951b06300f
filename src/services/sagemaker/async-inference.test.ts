import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { testClock } from "../../ports/test-clock.ts";
import { settled } from "../../serve/testing/world.ts";
import { testWorld } from "./testing/service.ts";

// A model that already runs: it shouts, refuses what is empty of letters, and counts how many ask at once.
let atOnce = 0;
let mostAtOnce = 0;
let mostBytes = 0;
const model = createServer((request, response) => {
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.on("end", () => {
    if (request.url === "/ping") return response.end();
    mostAtOnce = Math.max(mostAtOnce, ++atOnce);
    const text = Buffer.concat(pieces).toString();
    mostBytes = Math.max(mostBytes, text.length);
    setImmediate(() => {
      atOnce--;
      response.writeHead(/[a-z]/.test(text) ? 200 : 400, { "content-type": "text/plain" }).end(text.toUpperCase());
    });
  });
});
await new Promise<void>((resolve) => model.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${(model.address() as AddressInfo).port}`;
after(() => void model.close());

const waiting = { contentType: "text/plain", ttlMs: 3_600_000, timeoutMs: 60_000 };

test("an object is answered into another one, and the success topic hears of it", async () => {
  const { world, sagemaker, objects, finished } = await serving();
  await world.blobs.put("in/one.txt", "bird");
  const ticket = await sagemaker.asyncModels.submit("birds", {
    ...waiting,
    input: { location: "s3://in/one.txt" },
    inferenceId: "mine",
  });
  await finished(1);
  await sagemaker.close();
  assert.equal(ticket.inferenceId, "mine");
  assert.match(ticket.outputLocation, /^s3:\/\/out\/answers\/[0-9a-f-]{36}\.out$/);
  assert.match(ticket.failureLocation ?? "", /^s3:\/\/out\/failures\/[0-9a-f-]{36}-error\.out$/);
  assert.equal(objects().get(ticket.outputLocation), "BIRD");
  const { TopicArn, Message } = published(world)[0] as { TopicArn: string; Message: string };
  assert.equal(TopicArn, "arn:aws:sns:us-east-1:123456789012:good");
  const { eventTime, receivedTime, ...message } = JSON.parse(Message);
  assert.match(`${eventTime} ${receivedTime}`, /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ?){2}$/);
  assert.deepEqual(message, {
    awsRegion: "us-east-1",
    invocationStatus: "Completed",
    requestParameters: { contentType: "text/plain", endpointName: "birds", inputLocation: "s3://in/one.txt" },
    responseParameters: { contentType: "text/plain", outputLocation: ticket.outputLocation },
    inferenceId: "mine",
    eventVersion: "1.0",
    eventSource: "aws:sagemaker",
    eventName: "InferenceResult",
  });
  world.forget();
});

test("an input of many megabytes reaches the model whole, and one above a gigabyte is refused", async () => {
  const { world, sagemaker, objects, finished } = await serving();
  await world.blobs.put("in/large", Buffer.alloc(40 * 1024 * 1024, "a".repeat(1023).concat("b")));
  await world.blobs.put("in/too-large", "x");
  const { head } = world.blobs;
  world.blobs.head = async (key) => {
    const info = await head(key);
    return info && key === "in/too-large" ? { ...info, sizeBytes: 2 ** 30 + 1 } : info;
  };
  const submit = (location: string) => sagemaker.asyncModels.submit("birds", { ...waiting, input: { location } });
  const large = await submit("s3://in/large");
  const tooLarge = await submit("s3://in/too-large");
  await finished(2);
  await sagemaker.close();
  assert.match(objects().get(large.failureLocation ?? "") ?? "", /answer is longer than 6291456 bytes/);
  assert.equal(mostBytes, 40 * 1024 * 1024);
  assert.match(objects().get(tooLarge.failureLocation ?? "") ?? "", /1073741825 bytes; at most 1073741824 are taken/);
  world.forget();
});

test("a model that refuses, an input that is missing and a request that waited too long end as failures", async () => {
  const { world, clock, sagemaker, objects, finished } = await serving();
  const submit = (input: { location: string } | { body: Buffer }, ttlMs = 60_000) =>
    sagemaker.asyncModels.submit("birds", { ...waiting, ttlMs, input });
  const refused = await submit({ body: Buffer.from("123") });
  const missing = await submit({ location: "s3://in/nothing" });
  await finished(2);
  const late = await submit({ body: Buffer.from("bird") }, -1);
  await clock.advance(1);
  await finished(3);
  await sagemaker.close();
  const failureOf = ({ failureLocation = "" }) => objects().get(failureLocation) ?? "";
  assert.match(failureOf(refused), /^ModelError: Received client error \(400\) from primary with message "123"/);
  assert.equal(failureOf(missing), "ClientError: The input s3://in/nothing could not be found.");
  assert.match(failureOf(late), /^ClientError: The request waited longer than its TTL/);
  assert.deepEqual(
    published(world).map(({ TopicArn, Message }) => [TopicArn.split(":").at(-1), JSON.parse(Message).invocationStatus]),
    [
      ["bad", "Failed"],
      ["bad", "Failed"],
      ["bad", "Failed"],
    ],
  );
  world.forget();
});

test("what was taken is answered after a restart, and no more at once than the config allows", async () => {
  const { world, clock, sagemaker } = await serving();
  await sagemaker.close();
  const tickets = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      sagemaker.asyncModels.submit("birds", { ...waiting, input: { body: Buffer.from(`bird ${i}`) } }),
    ),
  );
  mostAtOnce = 0;
  const again = world.start();
  for (const limit = Date.now() + 10_000; Date.now() < limit && published(world).length < 12; await settled()) {
    await clock.advance(500);
  }
  await again.close();
  const answers = tickets.map(({ outputLocation }) => objectsOf(world).get(outputLocation));
  assert.deepEqual(
    answers,
    tickets.map((_, i) => `BIRD ${i}`),
  );
  assert.ok(mostAtOnce >= 1 && mostAtOnce <= 2, `${mostAtOnce} at once`);
  world.forget();
});

test("an asynchronous endpoint takes nothing but asynchronous invocations, and others none of them", async () => {
  const { world, sagemaker } = await serving();
  const { ask } = sagemaker;
  await ask("CreateEndpointConfig", { EndpointConfigName: "plain", ProductionVariants: [variant] });
  await ask("CreateEndpoint", { EndpointName: "plain", EndpointConfigName: "plain" });
  await inService(ask, "plain");
  const described = await ask("DescribeEndpoint", { EndpointName: "birds" });
  const refusals = [
    sagemaker.models.invoke("birds", { body: Buffer.from("x"), contentType: "text/plain" }),
    sagemaker.asyncModels.submit("plain", { ...waiting, input: { body: Buffer.from("x") } }),
    sagemaker.asyncModels.submit("none", { ...waiting, input: { body: Buffer.from("x") } }),
    sagemaker.asyncModels.submit("birds", { ...waiting, input: { location: "ftp://x" } }),
  ];
  const codes = await Promise.all(refusals.map((one) => one.then(String, ({ code }: { code: string }) => code)));
  await sagemaker.close();
  assert.deepEqual(new Set(codes), new Set(["ValidationError"]));
  assert.equal(described.AsyncInferenceConfig.ClientConfig.MaxConcurrentInvocationsPerInstance, 2);
  world.forget();
});

type World = ReturnType<typeof testWorld>;

const variant = { VariantName: "AllTraffic", ModelName: "shout", InitialInstanceCount: 1 };

async function serving() {
  const clock = testClock();
  const world = testWorld({ clock });
  const sagemaker = world.start();
  const { ask } = sagemaker;
  await ask("CreateModel", { ModelName: "shout", PrimaryContainer: { Image: `process:${origin}` } });
  await ask("CreateEndpointConfig", {
    EndpointConfigName: "birds",
    ProductionVariants: [variant],
    AsyncInferenceConfig: {
      ClientConfig: { MaxConcurrentInvocationsPerInstance: 2 },
      OutputConfig: {
        S3OutputPath: "s3://out/answers",
        S3FailurePath: "s3://out/failures/",
        NotificationConfig: {
          SuccessTopic: "arn:aws:sns:us-east-1:123456789012:good",
          ErrorTopic: "arn:aws:sns:us-east-1:123456789012:bad",
        },
      },
    },
  });
  await ask("CreateEndpoint", { EndpointName: "birds", EndpointConfigName: "birds" });
  await inService(ask, "birds");
  return {
    world,
    clock,
    sagemaker,
    objects: () => objectsOf(world),
    finished: async (count: number) => {
      for (const limit = Date.now() + 10_000; Date.now() < limit; await settled()) {
        if (published(world).length >= count) return;
        await clock.advance(1);
      }
      throw new Error(`${published(world).length} of ${count} ended`);
    },
  };
}

async function inService(ask: ReturnType<World["start"]>["ask"], EndpointName: string) {
  for (const limit = Date.now() + 10_000; Date.now() < limit; await settled()) {
    const { EndpointStatus } = await ask("DescribeEndpoint", { EndpointName });
    if (EndpointStatus === "InService") return;
  }
  throw new Error(`endpoint ${EndpointName} does not come into service`);
}

function published({ calls }: World) {
  return calls
    .filter(({ operation }) => operation === "sns:Publish")
    .map(({ input }) => input as { TopicArn: string; Message: string });
}

function objectsOf({ blobs }: World): Map<string, string> {
  return new Map([...blobs.contents].map(([key, bytes]) => [`s3://${key}`, bytes.toString()]));
}
