// Runs one distributed Map over the rows of a CSV object, with a ResultWriter, and prints what it cost.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/kit/clock.ts";
import { statesService } from "../../src/services/states/states-service.ts";
import { sqliteStore } from "../../src/store/sqlite.ts";
import type { MapMeasured } from "./distributed-map.ts";

const [, , count = "10000", type = "STANDARD"] = process.argv;
const items = Number(count);
const rows = Buffer.from(["id,name", ...Array.from({ length: items }, (_, n) => `${n},image-${n}.png`)].join("\n"));
const folder = mkdtempSync(join(tmpdir(), "scones-bench-"));
const clock = systemClock();
const onError = (error: unknown): never => {
  throw error;
};
const store = sqliteStore({ file: join(folder, "bench.sqlite"), clock, onError });
const { service, engine } = statesService({
  clock,
  store,
  functions: {
    invoke: async (_name, payload) => ({ payload, executedVersion: "$LATEST", requestId: "r", logTail: "" }),
  },
  operations: {
    has: () => true,
    call: async (_service, operation, input) => ({ output: answer(operation, input), requestId: "r" }),
  },
  events: { announce: async () => {} },
  onError,
});

const context = {
  requestId: "",
  region: "us-east-1",
  accountId: "000000000000",
  baseUrl: "",
  signal: new AbortController().signal,
};
const call = async (operation: string, input: object): Promise<Record<string, unknown>> =>
  (await service.handlers[operation]?.(input, context)) as Record<string, unknown>;
const roleArn = "arn:aws:iam::000000000000:role/bench";
const { stateMachineArn } = await call("CreateStateMachine", {
  name: "map",
  roleArn,
  definition: JSON.stringify(definition()),
});

let peak = 0;
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 20);
const startedAt = performance.now();
const cpuBefore = process.cpuUsage();
const { executionArn } = await call("StartExecution", { stateMachineArn });
let status: unknown = "RUNNING";
while (status === "RUNNING") {
  await new Promise((resolve) => setTimeout(resolve, 20));
  status = (await call("DescribeExecution", { executionArn }))["status"];
}
const seconds = (performance.now() - startedAt) / 1_000;
const { user, system } = process.cpuUsage(cpuBefore);
clearInterval(watch);
await engine.close();
store.close();
rmSync(folder, { recursive: true });
if (status !== "SUCCEEDED") throw new Error(`the Map ended ${String(status)}`);
const measured: MapMeasured = { items, seconds, cpuMs: (user + system) / 1_000, peakMb: peak / 2 ** 20 };
process.stdout.write(JSON.stringify(measured));

function answer(operation: string, input: object): Record<string, unknown> {
  if (operation !== "GetObject") return {};
  const [, first = 0, last = 0] =
    /bytes=(\d+)-(\d+)/.exec(String((input as { Range: string }).Range))?.map(Number) ?? [];
  const Body = rows.subarray(first, Math.min(last + 1, rows.length));
  return { Body, ETag: "e", ContentRange: `bytes ${first}-${first + Body.length - 1}/${rows.length}` };
}

function definition() {
  const one = {
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke",
    Parameters: { FunctionName: "one", "Payload.$": "$" },
    OutputPath: "$.Payload",
    End: true,
  };
  const ItemReader = {
    Resource: "arn:aws:states:::s3:getObject",
    ReaderConfig: { InputType: "CSV", CSVHeaderLocation: "FIRST_ROW" },
    Parameters: { Bucket: "b", Key: "rows.csv" },
  };
  const ItemProcessor = {
    ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: type },
    StartAt: "one",
    States: { one },
  };
  const ResultWriter = { Resource: "arn:aws:states:::s3:putObject", Parameters: { Bucket: "b", Prefix: "results" } };
  return { StartAt: "all", States: { all: { Type: "Map", ItemReader, ItemProcessor, ResultWriter, End: true } } };
}
