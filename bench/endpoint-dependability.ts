// Whether a request is ever lost: each claim over at least ten thousand requests, captured and signed.
import { availableParallelism } from "node:os";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { residualNetwork, resnet9 } from "../src/learn/networks.ts";
import { packFolder } from "../src/serve/pack-folder.ts";
import type { Row } from "./report.ts";
import { closedLoop, type Load, nobody, openLoop, percentile } from "./support/load.ts";
import { type Administrator, administrator, invocation, modelFolder, noisyPicture } from "./support/model.ts";
import { childrenOf, residentBytesOf } from "./support/processes.ts";
import type { Credential } from "./support/request.ts";
import { type Server, startServer } from "./support/server.ts";

const wanted = 10_000;
const workers = Math.min(4, availableParallelism());

export async function dependability(credential: Credential): Promise<Row[]> {
  const rows: Row[] = [];
  const done = (...more: Row[]): void => {
    for (const { name, value } of more) process.stderr.write(`${name}: ${value.toFixed(2)}\n`); // minutes pass
    rows.push(...more);
  };
  const server = await startServer(credential);
  const admin = administrator(server.url, credential);
  const [small, other] = await Promise.all(
    [resnet9(2, { widths: [8, 8, 16, 32] }), residualNetwork(20, 2)].map((network) =>
      buffer(packFolder(modelFolder(network))),
    ),
  );
  await admin.bucket();
  await admin.model("small", small as Buffer);
  await admin.model("other", other as Buffer);
  for (const model of ["small", "other"]) await admin.config(model, model, workers);
  await admin.call("CreateEndpoint", { EndpointName: "bench", EndpointConfigName: "small" });
  await admin.settled();
  const request = invocation(server.url, noisyPicture(), { credential });
  const target = { server, request };
  done(await during("swaps between two models", target, () => swap(admin)));
  done(await during("canary updates", target, () => canary(admin)));
  const alarm = await admin.alarm("bench");
  done(await during("canary updates that an alarm rolls back", target, () => rollBack(admin, alarm)));
  done(await during("kill -9 of every worker in turn", target, () => killWorkers(server)));
  done(await during("scaling up and down", target, () => scale(admin)));
  done(...(await overload(server, request)), await manyConnections(server));
  done(await during("restarts by a successor", target, () => restart(server)));
  await server.stop();
  done(await endAndStart(credential, small as Buffer));
  return rows;
}

/** Asks all the time while something is done again and again, until enough was asked. */
async function during(
  name: string,
  { server, request }: { server: Server; request: Buffer },
  act: () => Promise<void>,
): Promise<Row> {
  let [asked, failed, acts] = [0, 0, 0];
  while (asked < wanted) {
    let isActing = true;
    const acting = act().finally(() => {
      isActing = false;
      acts++;
    });
    while (isActing) {
      const load = await closedLoop({ url: server.url, request, connections: 32, durationMs: 500, mayRefuse: true });
      asked += total(load);
      failed += total(load) - (load.statuses.get(200) ?? 0);
    }
    await acting;
  }
  const what = `${name}: failed of ${asked} requests in ${acts} rounds`;
  return { name: what, value: failed, unit: "", target: "0", meets: failed === 0 };
}

async function swap(admin: Administrator): Promise<void> {
  const { EndpointConfigName: current } = await admin.describe();
  const next = current === "small" ? "other" : "small";
  await admin.call("UpdateEndpoint", { EndpointName: "bench", EndpointConfigName: next });
  await admin.settled();
}

async function canary(admin: Administrator): Promise<void> {
  const { EndpointConfigName: current } = await admin.describe();
  const next = current === "small" ? "other" : "small";
  const routing = { Type: "CANARY", CanarySize: { Type: "CAPACITY_PERCENT", Value: 30 }, WaitIntervalInSeconds: 1 };
  await admin.call("UpdateEndpoint", {
    EndpointName: "bench",
    EndpointConfigName: next,
    DeploymentConfig: { BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: routing } },
  });
  await admin.settled();
}

/** The new model gets its share, then the alarm goes off; the old one must have all requests again. */
async function rollBack(admin: Administrator, { raise }: { raise: (isOn: boolean) => Promise<void> }): Promise<void> {
  const { EndpointConfigName: current } = await admin.describe();
  const next = current === "small" ? "other" : "small";
  await raise(false);
  const routing = { Type: "CANARY", CanarySize: { Type: "CAPACITY_PERCENT", Value: 50 }, WaitIntervalInSeconds: 60 };
  await admin.call("UpdateEndpoint", {
    EndpointName: "bench",
    EndpointConfigName: next,
    DeploymentConfig: {
      BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: routing },
      AutoRollbackConfiguration: { Alarms: [{ AlarmName: "bench" }] },
    },
  });
  await sleep(3_000);
  await raise(true);
  await admin.settled();
  const { EndpointConfigName: after } = await admin.describe();
  if (after !== current) throw new Error(`the endpoint was not rolled back: it has ${after}`);
}

async function killWorkers(server: Server): Promise<void> {
  const workersNow = () => childrenOf(server.pid).filter(({ command }) => command.includes("/serve/worker.js"));
  for (const { pid } of workersNow()) {
    // Those of a generation that was replaced end by themselves.
    if (workersNow().some((worker) => worker.pid === pid)) process.kill(pid, "SIGKILL");
    await sleep(500);
  }
}

async function scale(admin: Administrator): Promise<void> {
  for (const count of [1, workers]) {
    const desired = { VariantName: "all", DesiredInstanceCount: count };
    await admin.call("UpdateEndpointWeightsAndCapacities", {
      EndpointName: "bench",
      DesiredWeightsAndCapacities: [desired],
    });
    await admin.settled();
  }
}

/** Three times as much as it can answer, and whether it is itself again a second later. */
async function overload(server: Server, request: Buffer): Promise<Row[]> {
  const { url } = server;
  const saturation = await closedLoop({ url, request, connections: 64, durationMs: 3_000 });
  const before = residentBytesOf(server.pid);
  let highest = before;
  const watch = setInterval(() => {
    highest = Math.max(highest, residentBytesOf(server.pid));
  }, 100);
  const perSecond = 3 * saturation.perSecond;
  const load = await openLoop({ url, request, perSecond, durationMs: 6_000, connections: 2_000, mayRefuse: true });
  clearInterval(watch);
  await sleep(1_000);
  const after = await closedLoop({ url, request, connections: 8, durationMs: 1_000 });
  const calm = await closedLoop({ url, request, connections: 8, durationMs: 1_000 });
  const goodput = load.perSecond / saturation.perSecond;
  const broken = total(load) - (load.statuses.get(200) ?? 0) - (load.statuses.get(503) ?? 0);
  const memory = (highest - before) / 2 ** 20;
  const recovery = percentile(after.latenciesMs, 0.5) / percentile(calm.latenciesMs, 0.5);
  return [
    {
      name: "overload, 3 x: goodput : saturation",
      value: goodput,
      unit: "x",
      target: ">= 0.85 x",
      meets: goodput >= 0.85,
    },
    { name: "  answers beside 200 and 503", value: broken, unit: "", target: "0", meets: broken === 0 },
    { name: "  refused with 503", value: load.statuses.get(503) ?? 0, unit: "" },
    { name: "  more memory", value: memory, unit: "MB", target: "<= 200 MB", meets: memory <= 200 },
    {
      name: "  median a second after : median later",
      value: recovery,
      unit: "x",
      target: "<= 1.5 x",
      meets: recovery <= 1.5,
    },
  ];
}

async function manyConnections(server: Server): Promise<Row> {
  const request = Buffer.from(`GET /_scones/health HTTP/1.1\r\nhost: ${new URL(server.url).host}\r\n\r\n`);
  const connections = 9_900; // the server takes 10,000
  await sleep(2_000); // those of the load before are gone by then
  const load = await closedLoop({ url: server.url, request, connections, durationMs: 3_000, mayRefuse: true });
  const failed = total(load) - (load.statuses.get(200) ?? 0);
  const name = `${connections} open connections: failed of ${total(load)} requests`;
  return { name, value: failed, unit: "", target: "0", meets: failed === 0 };
}

async function restart(server: Server): Promise<void> {
  await sleep(2_000);
  await server.restart();
}

/**
 * Clients that keep their connections, a server that is told to end, and another on the same port and folder, with nobody who
 * holds the socket meanwhile: who connects in the moment in which it closes is lost.
 */
async function endAndStart(credential: Credential, archive: Uint8Array): Promise<Row> {
  let server = await startServer(credential);
  const admin = administrator(server.url, credential);
  await admin.bucket();
  await admin.model("small", archive);
  await admin.config("small", "small", workers);
  await admin.call("CreateEndpoint", { EndpointName: "bench", EndpointConfigName: "small" });
  await admin.settled();
  const request = invocation(server.url, noisyPicture(), { credential });
  let [asked, broken] = [0, 0];
  let restarts = 0;
  while (asked < wanted) {
    const { url } = server;
    let isDown = false;
    const ending = sleep(3_000)
      .then(() => server.end())
      .then(() => {
        isDown = true;
      });
    while (!isDown) {
      // Whoever finds nobody listening has lost nothing: only a connection that was open may not break.
      const load = await closedLoop({ url, request, connections: 32, durationMs: 200, mayRefuse: true }).catch(noLoad);
      asked += total(load);
      broken += total(load) - (load.statuses.get(200) ?? 0);
    }
    await ending;
    server = await server.again();
    restarts++;
  }
  await server.stop();
  const name = `ended by SIGTERM, no successor: taken and not answered, of ${asked} requests in ${restarts} ends`;
  return { name, value: broken, unit: "" };
}

/** Nobody was listening any more. */
function noLoad(error: NodeJS.ErrnoException): Load {
  if (error.syscall !== "connect") throw error;
  return { perSecond: 0, latenciesMs: { length: 0 } as Load["latenciesMs"], statuses: new Map() };
}

function total({ statuses }: Load): number {
  return [...statuses].reduce((sum, [status, count]) => sum + (status === nobody ? 0 : count), 0);
}
