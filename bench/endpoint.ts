// What the endpoint costs beside the network itself: InvokeEndpoint over HTTP, signed and captured, against ONNX Runtime alone.
import { rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Network } from "../src/learn/network.ts";
import { residualNetwork, resnet9 } from "../src/learn/networks.ts";
import { median, type Row, report } from "./report.ts";
import { closedLoop, openLoop, percentile } from "./support/load.ts";
import { machine } from "./support/machine.ts";
import { deploy, invocation, modelFolder, noisyPicture } from "./support/model.ts";
import { cpuMsOf } from "./support/processes.ts";
import { rawInference } from "./support/raw-inference.ts";
import { startServer } from "./support/server.ts";

const rounds = 5;
const workers = availableParallelism();
const credential = { accessKeyId: "AKIDBENCH", secretAccessKey: "a secret of the bench" };

report([...(await rowsOf(residualNetwork(20, 2))), ...(await rowsOf(resnet9(2)))], machine());

async function rowsOf(network: Network): Promise<Row[]> {
  const folder = modelFolder(network);
  const raw = await rawInference(join(folder, "model.onnx"), workers);
  const server = await startServer(credential);
  const { url } = server;
  await deploy(url, folder, workers, credential);
  const request = invocation(url, noisyPicture(), credential);
  await closedLoop({ url, request, connections: 32, durationMs: 1_500 });

  const pair = async () => {
    const alone = await raw.run(1_500);
    const aloneSingle = await raw.run(500, 1);
    const cpuBefore = cpuMsOf(server.pid);
    const served = await closedLoop({ url, request, connections: 32, durationMs: 1_500 });
    const cpuMs = cpuMsOf(server.pid) - cpuBefore;
    const single = await closedLoop({ url, request, connections: 1, durationMs: 500 });
    return { alone, aloneSingle, served, single, cpuMsPerRequest: cpuMs / served.latenciesMs.length };
  };
  const pairs: Awaited<ReturnType<typeof pair>>[] = [];
  for (let round = 0; round < rounds; round++) pairs.push(await pair());
  const of = (value: (one: (typeof pairs)[number]) => number) => median(pairs.map(value));
  const saturation = of(({ served }) => served.perSecond);
  const open = { half: [] as number[], most: [] as number[] };
  for (let round = 0; round < 3; round++) {
    const at = (share: number) => openLoop({ url, request, perSecond: share * saturation, durationMs: 2_500 });
    open.half.push(percentile((await at(0.5)).latenciesMs, 0.99));
    open.most.push(percentile((await at(0.8)).latenciesMs, 0.99));
  }
  raw.stop();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });

  const toRaw = of(({ served, alone }) => served.perSecond / alone.perSecond);
  const efficiency = of(({ alone, cpuMsPerRequest }) => alone.cpuMsPerPicture / cpuMsPerRequest);
  const single = of((one) => percentile(one.single.latenciesMs, 0.5));
  const aloneSingle = of(({ aloneSingle }) => aloneSingle.medianMs);
  const [half, most] = [median(open.half), median(open.most)];
  return [
    { name: `${network.name}: InvokeEndpoint, 32 connections`, value: saturation, unit: "/s" },
    { name: `  ONNX Runtime alone, ${workers} processes`, value: of(({ alone }) => alone.perSecond), unit: "/s" },
    { name: "  ratio", value: toRaw, unit: "x", target: ">= 0.80 x", meets: toRaw >= 0.8 },
    {
      name: "  processor time, alone : served",
      value: efficiency,
      unit: "x",
      target: ">= 0.80 x",
      meets: efficiency >= 0.8,
    },
    {
      name: "  median of one client",
      value: single,
      unit: "ms",
      target: "<= alone + 1 ms",
      meets: single <= aloneSingle + 1,
    },
    { name: "  median alone", value: aloneSingle, unit: "ms" },
    { name: "  99th percentile at 50 % (open loop)", value: half, unit: "ms" },
    {
      name: "  99th percentile at 80 % (open loop)",
      value: most,
      unit: "ms",
      target: "<= 2 x that at 50 %",
      meets: most <= 2 * half,
    },
  ];
}
