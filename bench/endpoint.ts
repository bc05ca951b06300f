// What the endpoint costs beside the network itself, against ONNX Runtime alone and against servers that people would write,
// and whether it loses a request. `--only speed|latency|dependability|hostile`, `--networks resnet20,resnet18,mobile`,
// `--replay FOLDER`: capture files as load.
import { rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dependability } from "./endpoint-dependability.ts";
import { hostileInput } from "./endpoint-hostile.ts";
import { median, type Row, report } from "./report.ts";
import { closedLoop, type Load, openLoop, percentile } from "./support/load.ts";
import { machine } from "./support/machine.ts";
import { deploy, invocation, type Served, servedNetworks } from "./support/model.ts";
import { startPeer } from "./support/peer.ts";
import { cpuMsOf } from "./support/processes.ts";
import { rawInference } from "./support/raw-inference.ts";
import { capturedRequests } from "./support/replay.ts";
import { startServer } from "./support/server.ts";

const rounds = 5;
const workers = availableParallelism();
const credential = { accessKeyId: "AKIDBENCH", secretAccessKey: "a secret of the bench" };
const { values } = parseArgs({
  options: {
    only: { type: "string" },
    replay: { type: "string" },
    networks: { type: "string", default: "resnet20,resnet18,mobile" },
    json: { type: "boolean" },
  },
});
const parts: Record<string, (networks: Served[]) => Promise<Row[]>> = {
  speed: (networks) => each(networks, speed),
  latency: (networks) => each(networks, latency),
  dependability: () => dependability(credential),
  hostile: () => hostileInput(credential),
};
const targets: Record<string, { ratio: number }> = {
  "resnet20, 32 x 32, PNG": { ratio: 0.75 },
  "resnet18, 32 x 32, PNG": { ratio: 0.85 },
  "mobilenetv2, 224 x 224, JPEG": { ratio: 0.75 },
};

const networks = servedNetworks(values.networks.split(","));
const rows: Row[] = [];
for (const [name, part] of Object.entries(parts)) {
  if (values.replay !== undefined) break;
  if (values.only === undefined || values.only === name) rows.push(...(await part(networks)));
}
if (values.replay !== undefined) rows.push(...(await each(networks, replay)));
for (const { folder } of networks) rmSync(folder, { recursive: true, force: true });
report(rows, machine());

async function each(networks: Served[], part: (served: Served) => Promise<Row[]>): Promise<Row[]> {
  const rows: Row[] = [];
  for (const served of networks) rows.push(...(await part(served)));
  return rows;
}

/** What an endpoint was once asked, as fast as this one answers; the requests of the files take turns. */
async function replay({ name, folder }: Served): Promise<Row[]> {
  const server = await startServer(credential);
  await deploy(server.url, folder, workers, { credential });
  const requests = capturedRequests(values.replay ?? "", server.url, credential);
  let next = 0;
  const request = () => requests[next++ % requests.length] as Buffer;
  const load = await closedLoop({ url: server.url, request, connections: 32, durationMs: 5_000 });
  await server.stop();
  return [
    { name: `${name}: ${requests.length} captured requests, again and again`, value: load.perSecond, unit: "/s" },
    { name: "  99th percentile", value: percentile(load.latenciesMs, 0.99), unit: "ms" },
  ];
}

/** Signed, and every request captured; the peers do neither. */
async function speed(served: Served): Promise<Row[]> {
  const { name, folder, side, picture, contentType } = served;
  const raw = await rawInference(join(folder, "model.onnx"), { processes: workers, side });
  const server = await startServer(credential);
  const { url } = server;
  await deploy(url, folder, workers, { credential });
  const request = invocation(url, picture, { credential, contentType });
  const plainPeer = await startPeer("plain", served);
  const tunedPeer = await startPeer("tuned", served);
  const load = async (to: { url: string; request: Buffer; pid: number }, durationMs = 2_000) => {
    const before = { server: cpuMsOf(to.pid), client: process.cpuUsage() };
    const run = await closedLoop({ ...to, connections: 64, durationMs });
    const client = process.cpuUsage(before.client);
    return {
      ...run,
      cpuMs: (cpuMsOf(to.pid) - before.server) / run.latenciesMs.length,
      clientMs: (client.user + client.system) / 1000 / run.latenciesMs.length,
    };
  };
  const ours = { url, request, pid: server.pid };
  for (const one of [ours, plainPeer, tunedPeer]) await load(one, 1_000);

  const pair = async () => ({
    alone: await raw.run(1_500),
    endpoint: await load(ours),
    plain: await load(plainPeer, 1_500),
    tuned: await load(tunedPeer, 1_500),
  });
  const pairs: Awaited<ReturnType<typeof pair>>[] = [];
  for (let round = 0; round < rounds; round++) pairs.push(await pair());
  plainPeer.stop();
  tunedPeer.stop();
  raw.stop();
  const of = (value: (one: (typeof pairs)[number]) => number) => median(pairs.map(value));
  const perSecond = 0.8 * of(({ endpoint }) => endpoint.perSecond);
  const open: Load[] = [];
  for (let round = 0; round < 3; round++) open.push(await openLoop({ url, request, perSecond, durationMs: 4_000 }));
  await server.stop();

  const ratios = pairs.map(({ alone, endpoint }) => endpoint.perSecond / alone.perSecond);
  const ratio = median(ratios);
  const target = targets[name]?.ratio ?? 0;
  const efficiency = of(({ alone, endpoint }) => alone.cpuMsPerPicture / endpoint.cpuMs);
  const toPlain = of(({ plain, endpoint }) => plain.cpuMs / endpoint.cpuMs);
  const toTuned = of(({ tuned, endpoint }) => tuned.cpuMs / endpoint.cpuMs);
  const tail = median(open.map(({ latenciesMs }) => percentile(latenciesMs, 0.99) / percentile(latenciesMs, 0.5)));
  return [
    { name: `${name}: InvokeEndpoint, 64 connections`, value: of(({ endpoint }) => endpoint.perSecond), unit: "/s" },
    { name: `  ONNX Runtime alone, ${workers} processes`, value: of(({ alone }) => alone.perSecond), unit: "/s" },
    { name: "  ratio", value: ratio, unit: "x", target: `>= ${target} x`, meets: ratio >= target },
    { name: "  ratio, best of the rounds", value: Math.max(...ratios), unit: "x" },
    {
      name: "  processor time, alone : served",
      value: efficiency,
      unit: "x",
      target: `>= ${target} x`,
      meets: efficiency >= target,
    },
    { name: "  processor time of a request", value: of(({ endpoint }) => endpoint.cpuMs), unit: "ms" },
    { name: "  of the load generator for it", value: of(({ endpoint }) => endpoint.clientMs), unit: "ms" },
    { name: "  plain fastify server", value: of(({ plain }) => plain.perSecond), unit: "/s" },
    { name: "  its processor time : ours", value: toPlain, unit: "x", target: ">= 3 x", meets: toPlain >= 3 },
    { name: "  tuned fastify server", value: of(({ tuned }) => tuned.perSecond), unit: "/s" },
    { name: "  its processor time : ours", value: toTuned, unit: "x", target: ">= 2 x", meets: toTuned >= 2 },
    {
      name: "  median at 80 % of it, open loop",
      value: median(open.map((one) => percentile(one.latenciesMs, 0.5))),
      unit: "ms",
    },
    {
      name: "  99th percentile : median, at 80 %",
      value: tail,
      unit: "x",
      target: "<= 4 x",
      meets: tail <= 4,
    },
  ];
}

/** One client: with one thread per worker, and in latency mode, where one worker has them all. */
async function latency(served: Served): Promise<Row[]> {
  const { name, folder, picture, contentType, side } = served;
  const raw = await rawInference(join(folder, "model.onnx"), { processes: 1, side });
  const one = await startServer(credential);
  const all = await startServer(credential);
  await deploy(one.url, folder, 1, { credential });
  await deploy(all.url, folder, 1, { credential, environment: { OMP_NUM_THREADS: String(workers) } });
  const ask = async ({ url }: { url: string }) => {
    const request = invocation(url, picture, { credential, contentType });
    return percentile((await closedLoop({ url, request, connections: 1, durationMs: 1_500 })).latenciesMs, 0.5);
  };
  const turn = async () => ({ alone: (await raw.run(700)).medianMs, one: await ask(one), all: await ask(all) });
  const runs: Awaited<ReturnType<typeof turn>>[] = [];
  for (let round = 0; round < rounds; round++) runs.push(await turn());
  raw.stop();
  await Promise.all([one.stop(), all.stop()]);
  const of = (value: (run: (typeof runs)[number]) => number) => median(runs.map(value));
  const over = of((run) => run.one - run.alone);
  return [
    { name: `${name}: one client, median`, value: of((run) => run.one), unit: "ms" },
    { name: "  ONNX Runtime alone", value: of(({ alone }) => alone), unit: "ms" },
    { name: "  more than alone", value: over, unit: "ms", target: "<= 1 ms", meets: over <= 1 },
    { name: `  latency mode, ${workers} threads`, value: of((run) => run.all), unit: "ms" },
  ];
}
