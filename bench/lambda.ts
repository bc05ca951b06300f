// What a warm call of a function costs over HTTP, beside a bare node:http route that reads and answers the same bytes; and whether
// thousands of calls at once each get their own answer.

import { buffer } from "node:stream/consumers";
import { CreateFunctionCommand, LambdaClient, type Runtime } from "@aws-sdk/client-lambda";
import { ZipFile } from "yazl";
import { median, type Row, report } from "./report.ts";
import { askAll, askOnce, closedLoop, percentile } from "./support/load.ts";
import { machine } from "./support/machine.ts";
import { rawRoute } from "./support/raw-route.ts";
import { requestBytes } from "./support/request.ts";
import { startServer } from "./support/server.ts";

process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true"; // the client that creates the functions advises otherwise

const rounds = 5;
const durationMs = 1_500;
const atOnce = { calls: 5_000, connections: 1_000 };
/** As large as the event of the workflow, with a picture of CIFAR in it. */
const filling = "x".repeat(3_900);

interface Subject {
  name: string;
  runtime: Runtime;
  file: string;
  source: string;
}

const subjects: Subject[] = [
  {
    ...{ name: "node", runtime: "nodejs20.x", file: "index.mjs" },
    source: "export const handler = async (event) => ({ n: event.n });",
  },
  {
    ...{ name: "python", runtime: "python3.11", file: "index.py" },
    source: "def handler(event, context):\n    return {'n': event['n']}\n",
  },
];

const server = await startServer();
const bare = await rawRoute({ kind: "constant", body: '{"n":0}' });
for (const subject of subjects) await create(subject);

const medians: Record<string, number[]> = { bare: [], node: [], python: [] };
const tails: Record<string, number[]> = { node: [], python: [] };
const rates: Record<string, number[]> = { node: [], python: [] };
for (let round = 0; round < rounds; round++) {
  medians["bare"]?.push(percentile((await load(bare.url, "node", 1)).latenciesMs, 0.5));
  for (const { name } of subjects) {
    const one = await load(server.url, name, 1);
    medians[name]?.push(percentile(one.latenciesMs, 0.5));
    tails[name]?.push(percentile(one.latenciesMs, 0.99));
    rates[name]?.push((await load(server.url, name, 8)).perSecond);
  }
}
const rows: Row[] = [{ name: "bare route, median", value: median(medians["bare"] ?? []), unit: "ms" }];
for (const { name } of subjects) rows.push(...rowsOf(name));
const strangers = await mixUps();
rows.push({
  ...{ name: `calls of ${atOnce.calls} at once that got another's answer`, value: strangers, unit: "" },
  ...{ target: "0", meets: strangers === 0 },
});
bare.stop();
await server.stop();
report(rows, machine());

function rowsOf(name: string): Row[] {
  const own = medians[name] ?? [];
  const over = median(own.map((ms, i) => ms - (medians["bare"]?.[i] ?? Number.NaN)));
  return [
    { name: `warm call, ${name}, median`, value: median(own), unit: "ms" },
    { name: "  over the bare route", value: over, unit: "ms", target: "< 1 ms", meets: over < 1 },
    { name: "  99th percentile", value: median(tails[name] ?? []), unit: "ms" },
    { name: "  8 connections", value: median(rates[name] ?? []), unit: "/s" },
  ];
}

/** Every call has a number of its own and must get it back; both runtimes take turns. */
async function mixUps(): Promise<number> {
  const numbers = Array.from({ length: atOnce.calls }, (_, n) => n);
  const requests = numbers.map((n) => invocation(server.url, subjects[n % subjects.length]?.name ?? "", n));
  const answers = await askAll({ url: server.url, requests, connections: atOnce.connections });
  return numbers.filter((n) => (JSON.parse(answers[n] ?? "{}") as { n?: number }).n !== n).length;
}

function load(url: string, name: string, connections: number) {
  return closedLoop({ url, request: invocation(url, name, 0), connections, durationMs });
}

function invocation(url: string, name: string, n: number): Buffer {
  const path = `/2015-03-31/functions/${name}/invocations`;
  return requestBytes(url, {
    method: "POST",
    path,
    service: "lambda",
    body: Buffer.from(JSON.stringify({ n, filling })),
  });
}

async function create({ name, runtime, file, source }: Subject): Promise<void> {
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from(source), file);
  zip.end();
  const credentials = { accessKeyId: "bench", secretAccessKey: "bench" };
  const lambda = new LambdaClient({ endpoint: server.url, region: "us-east-1", credentials });
  await lambda.send(
    new CreateFunctionCommand({
      ...{ FunctionName: name, Runtime: runtime, Handler: "index.handler", Timeout: 60 },
      ...{ Role: "arn:aws:iam::000000000000:role/bench", Code: { ZipFile: await buffer(zip.outputStream) } },
    }),
  );
  lambda.destroy();
  await askOnce(server.url, invocation(server.url, name, 0));
}
