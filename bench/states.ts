// What an execution costs: in the kernel alone, over HTTP, and with every step on the disk.
import { advance } from "../src/asl/advance.ts";
import { compile } from "../src/asl/compile.ts";
import { median, type Row, report } from "./report.ts";
import { distributedMap } from "./support/distributed-map.ts";
import { bytesOfStep, type Durable, durableControls, durableEngine } from "./support/durable.ts";
import { askOnce, closedLoop, percentile } from "./support/load.ts";
import { machine } from "./support/machine.ts";
import { rawRoute } from "./support/raw-route.ts";
import { startServer, statesRequest } from "./support/server.ts";

const rounds = 7;

const context = {
  executionArn: "arn:aws:states:us-east-1:000000000000:execution:bench:one",
  executionName: "one",
  roleArn: "arn:aws:iam::000000000000:role/bench",
  startTime: "2026-01-01T00:00:00.000Z",
  stateMachineArn: "arn:aws:states:us-east-1:000000000000:stateMachine:bench",
  stateMachineName: "bench",
  region: "us-east-1",
};

const rows: Row[] = [...(await kernelRows()), ...(await expressRows()), ...(await durableRows()), ...(await mapRows())];
report(rows, machine());

/** A chain of ten states that each build an object from their input, in both query languages by turns. */
async function kernelRows(): Promise<Row[]> {
  const states = 10;
  const paths = chain(states, {
    Type: "Pass",
    Parameters: { "image.$": "$.image", "size.$": "$.size" },
    ResultPath: "$",
  });
  const expressions = chain(states, {
    Type: "Pass",
    QueryLanguage: "JSONata",
    Output: { image: "{% $states.input.image %}", size: "{% $states.input.size + 1 %}" },
  });
  const input = { image: "s3://bucket/image.png", size: 1 };
  const microseconds = async (definition: object, durationMs: number): Promise<number> => {
    const compiled = compile(JSON.stringify(definition), { type: "STANDARD" });
    const startedAt = performance.now();
    let executions = 0;
    while (performance.now() - startedAt < durationMs) {
      for (let n = 0; n < 20; n++) {
        const start = { type: "start" as const, input, context, atMs: 0, seed: "seed" };
        const { execution } = await advance(compiled, undefined, start);
        if (execution.status !== "SUCCEEDED") throw new Error(`the chain ended ${execution.status}`);
        executions += 1;
      }
    }
    return ((performance.now() - startedAt) * 1000) / executions / states;
  };
  await microseconds(paths, 300);
  await microseconds(expressions, 300);
  const measured = { paths: [] as number[], expressions: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    measured.paths.push(await microseconds(paths, 200));
    measured.expressions.push(await microseconds(expressions, 200));
  }
  return [
    atMost("JSONPath transition, kernel", median(measured.paths), { unit: "µs", limit: 5 }),
    atMost("JSONata transition, two expressions", median(measured.expressions), { unit: "µs", limit: 25 }),
  ];
}

/** Synchronous Express executions as a client sees them, beside a bare route that answers the same bytes. */
async function expressRows(): Promise<Row[]> {
  const server = await startServer();
  const machineArn = async (name: string, definition: object): Promise<string> => {
    const roleArn = "arn:aws:iam::000000000000:role/bench";
    const create = { name, roleArn, type: "EXPRESS", definition: JSON.stringify(definition) };
    const answer = await askOnce(server.url, statesRequest(server.url, "CreateStateMachine", create));
    return (JSON.parse(answer) as { stateMachineArn: string }).stateMachineArn;
  };
  const stateMachineArn = await machineArn("chain", chain(3, { Type: "Pass" }));
  const start = statesRequest(server.url, "StartSyncExecution", { stateMachineArn, input: '{"image":"a.png"}' });
  const answer = await askOnce(server.url, start);
  if (!answer.includes("SUCCEEDED")) throw new Error(answer);
  const bare = await rawRoute({ kind: "constant", body: answer });

  const item = { Type: "Pass", End: true };
  const map = { Type: "Map", ItemProcessor: { StartAt: "Item", States: { Item: item } }, End: true };
  const mapArn = await machineArn("map", { StartAt: "Map", States: { Map: map } });
  const items = JSON.stringify(Array.from({ length: 10_000 }, (_, n) => n));
  const startMap = statesRequest(server.url, "StartSyncExecution", { stateMachineArn: mapArn, input: items });

  const load = (url: string, request: Buffer, connections: number, durationMs: number) =>
    closedLoop({ url, request, connections, durationMs });
  await load(server.url, start, 32, 1_500);
  await load(bare.url, start, 32, 500);
  const measured = { express: [] as number[], p99: [] as number[], bare: [] as number[], single: [] as number[] };
  const mapMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { perSecond, latenciesMs } = await load(server.url, start, 32, 1_000);
    measured.express.push(perSecond);
    measured.p99.push(percentile(latenciesMs, 0.99));
    measured.bare.push((await load(bare.url, start, 32, 1_000)).perSecond);
    measured.single.push(percentile((await load(server.url, start, 1, 500)).latenciesMs, 0.5));
    const startedAt = performance.now();
    const mapped = await askOnce(server.url, startMap);
    mapMs.push(performance.now() - startedAt);
    if (!mapped.includes("SUCCEEDED")) throw new Error(mapped.slice(0, 500));
  }
  bare.stop();
  await server.stop();
  return [
    atLeast("StartSyncExecution, 3 states, 32 connections", median(measured.express), { unit: "/s", limit: 3_000 }),
    { name: "  bare route answering the same", value: median(measured.bare), unit: "/s" },
    { name: "  99th percentile", value: median(measured.p99), unit: "ms" },
    atMost("  median with one connection", median(measured.single), { unit: "ms", limit: 1 }),
    atMost("inline Map of 10,000 items, Express over HTTP", median(mapMs), { unit: "ms", limit: 500 }),
  ];
}

/** Standard executions of three tasks that do nothing; each waits four times for the disk. */
async function durableRows(): Promise<Row[]> {
  const bytes = await bytesOfStep();
  const rows: Row[] = [{ name: "bytes of a durable step, and of a raw commit", value: bytes, unit: "B" }];
  for (const inFlight of [1, 32, 128, 256]) {
    const { engine, sqlite, log } = await measuredTogether(inFlight, bytes);
    const steps = engine.stepsPerSecond;
    const executions = { unit: "/s", value: steps / engine.stepsPerExecution };
    const name = `Standard executions, ${inFlight} in flight`;
    rows.push(
      inFlight === 128 ? atLeast(name, executions.value, { unit: "/s", limit: 2_500 }) : { name, ...executions },
    );
    const durable = "  durable steps";
    rows.push(
      inFlight === 256
        ? atLeast(durable, steps, { unit: "/s", limit: 10_000 })
        : { name: durable, value: steps, unit: "/s" },
    );
    rows.push({ name: "  raw commit: SQLite, grouped", value: sqlite, unit: "/s" });
    rows.push({ name: "  raw commit: log, grouped fdatasync", value: log, unit: "/s" });
    const toSqlite = "  steps : raw commit (SQLite)";
    rows.push(
      inFlight === 128
        ? atLeast(toSqlite, engine.toSqlite, { unit: "x", limit: 0.5 })
        : { name: toSqlite, value: engine.toSqlite, unit: "x" },
    );
    const toLog = "  steps : raw commit (log)";
    rows.push(
      inFlight === 1
        ? atLeast(toLog, engine.toLog, { unit: "x", limit: 0.75 })
        : { name: toLog, value: engine.toLog, unit: "x" },
    );
    rows.push({ name: "  processor time of an execution", value: engine.cpuMsPerExecution, unit: "ms" });
  }
  return rows;
}

async function measuredTogether(inFlight: number, bytes: number) {
  const engine = await durableEngine();
  const controls = durableControls(bytes);
  const durationMs = 700;
  // The write-ahead log of both must have reached its full length: a file that grows is slower to sync.
  await engine.run(128, 1_000);
  await controls.sqlite(128, 500);
  const runs: (Durable & { sqlite: number; log: number })[] = [];
  for (let round = 0; round < rounds; round++) {
    const log = await controls.log(inFlight, durationMs);
    const sqlite = await controls.sqlite(inFlight, durationMs);
    runs.push({ ...(await engine.run(inFlight, durationMs)), sqlite, log });
  }
  await engine.close();
  controls.close();
  const of = (value: (run: (typeof runs)[number]) => number) => median(runs.map(value));
  return {
    sqlite: of((run) => run.sqlite),
    log: of((run) => run.log),
    engine: {
      stepsPerSecond: of((run) => run.stepsPerSecond),
      stepsPerExecution: of((run) => run.stepsPerExecution),
      cpuMsPerExecution: of((run) => run.cpuMsPerExecution),
      toSqlite: of((run) => run.stepsPerSecond / run.sqlite),
      toLog: of((run) => run.stepsPerSecond / run.log),
    },
  };
}

/** Rows of a CSV object, each an execution with one task; every size in a process of its own, whose memory is measured. */
async function mapRows(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const type of ["STANDARD", "EXPRESS"] as const) {
    const small = await distributedMap(10_000, type);
    const large = await distributedMap(100_000, type);
    rows.push({ name: `distributed Map, 10,000 ${type} children`, value: small.seconds, unit: "s" });
    rows.push(atMost(`distributed Map, 100,000 ${type} children`, large.seconds, { unit: "s", limit: 10 }));
    rows.push({ name: "  processor time of a child", value: large.cpuMs / large.items, unit: "ms" });
    rows.push({ name: "  largest memory with 10,000", value: small.peakMb, unit: "MB" });
    rows.push(
      atMost("  largest memory with 100,000 : with 10,000", large.peakMb / small.peakMb, { unit: "x", limit: 1.5 }),
    );
  }
  return rows;
}

function chain(length: number, state: object): object {
  const name = (n: number) => `State${n}`;
  const states = Array.from({ length }, (_, n) => [
    name(n),
    n === length - 1 ? { ...state, End: true } : { ...state, Next: name(n + 1) },
  ]);
  return { StartAt: name(0), States: Object.fromEntries(states) as object };
}

function atMost(name: string, value: number, { unit, limit }: { unit: string; limit: number }): Row {
  return { name, value, unit, target: `<= ${limit} ${unit}`, meets: value <= limit };
}

function atLeast(name: string, value: number, { unit, limit }: { unit: string; limit: number }): Row {
  return { name, value, unit, target: `>= ${limit} ${unit}`, meets: value >= limit };
}
