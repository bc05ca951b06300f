// The service with receivers of every kind, which keep what they are told.
import assert from "node:assert/strict";
import { createVerify, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Fault } from "../../../kit/fault.ts";
import type { Clock } from "../../../ports/clock.ts";
import { memoryMetrics } from "../../../ports/memory-metrics.ts";
import { memoryResources } from "../../../ports/memory-resources.ts";
import { testClock } from "../../../ports/test-clock.ts";
import { testCall } from "../../../wire/testing/call.ts";
import { snsService } from "../sns-service.ts";

export const functionArn = "arn:aws:lambda:us-east-1:000000000000:function:tell";
export const queueArn = "arn:aws:sqs:us-east-1:000000000000:inbox";

// biome-ignore lint/suspicious/noExplicitAny: answers are read member by member, as a client would
export type Answer = any;

export function openSns<C extends Clock>(
  context: TestContext,
  clock: C = testClock() as unknown as C,
  resources = memoryResources(clock),
  directory = temporaryFolder(context),
) {
  const invoked: { name: string; event: unknown }[] = [];
  const called: { service: string; operation: string; input: Answer }[] = [];
  const reported: string[] = [];
  const broken = { functions: false };
  const outbox = join(directory, "outbox");
  const metrics = memoryMetrics();
  const service = snsService({
    resources,
    clock,
    directory,
    outboxFolder: outbox,
    functions: {
      async invoke(name, payload) {
        invoked.push({ name, event: JSON.parse(Buffer.from(payload).toString()) });
        if (broken.functions) throw new Fault("ServiceException", "not now", { status: 500 });
        return { payload: new Uint8Array(), executedVersion: "$LATEST", requestId: "r", logTail: "" };
      },
    },
    operations: {
      async call(name, operation, input) {
        called.push({ service: name, operation, input });
        return { output: {}, requestId: "r" };
      },
      has: () => true,
    },
    metrics,
    report: (line) => void reported.push(line),
  });
  context.after(() => service.close());
  const about = testCall();
  const call = async (operation: string, input: object): Promise<Answer> => service.handlers[operation]?.(input, about);
  return { call, service, clock, resources, invoked, called, reported, broken, outbox, metrics };
}

export async function openTopic<C extends Clock>(context: TestContext, clock: C) {
  const world = openSns(context, clock);
  const { TopicArn } = await world.call("CreateTopic", { Name: "alarms" });
  return { ...world, TopicArn: TopicArn as string };
}

export async function openReceiver(context: TestContext) {
  const requests: { headers: Record<string, unknown>; body: string }[] = [];
  const statuses: number[] = [];
  let arrived = () => {};
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    response.writeHead(statuses.length > 0 ? (statuses.shift() as number) : 200).end();
    requests.push({ headers: request.headers, body });
    arrived();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    statuses,
    async next() {
      while (requests.length === 0) await new Promise<void>((resolve) => (arrived = resolve));
      return requests.shift() as { headers: Record<string, unknown>; body: string };
    },
  };
}

export function assertSigned(message: Record<string, string>, certificatePem: string, names: string[]): void {
  const text = names.map((name) => `${name}\n${message[name]}\n`).join("");
  const certificate = new X509Certificate(certificatePem);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.equal(message["SignatureVersion"], "1");
  assert.ok(
    createVerify("RSA-SHA1")
      .update(text)
      .verify(certificate.publicKey, message["Signature"] as string, "base64"),
  );
}

/** The same clock with every wait a thousandth as long. */
export function quick(clock: Clock): Clock {
  return {
    ...clock,
    schedule: (delayMs, callback) => clock.schedule(delayMs > 15_000 ? delayMs / 1000 : delayMs, callback),
  };
}

export async function mailOf(outbox: string, count: number): Promise<string> {
  const files = () => {
    try {
      return readdirSync(outbox).filter((file) => file.endsWith(".eml"));
    } catch {
      return [];
    }
  };
  await waitFor(() => files().length === count);
  return readFileSync(join(outbox, files().toSorted().at(-1) as string), "utf8");
}

export async function waitFor(isDone: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !isDone(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(isDone(), "it did not happen within five seconds");
}

export function temporaryFolder(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "scones-sns-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function faultOf(code: string, status = 400): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.deepEqual([error.code, error.status], [code, status]);
    return true;
  };
}
