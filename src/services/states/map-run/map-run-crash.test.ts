import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../../kit/clock.ts";
import { sqliteStore } from "../../../store/sqlite.ts";
import { statesService } from "../states-service.ts";

/*
 * Kills a server in the midst of a distributed Map, again and again. This file is both: the test, and with arguments the
 * program that is killed. That one writes down which items began, and which children have ended for good.
 */

const itemCount = 200;
/** Where the program ends itself: after so many children have ended, then just before and just after the parent ends. */
const deaths = ["1", "30", "60", "before", "after"];
const types = ["STANDARD", "EXPRESS"] as const;
const arn = "arn:aws:states:us-east-1:000000000000";

if (process.argv[2] === "program") {
  const [, , , folder = "", type = "", death = ""] = process.argv;
  await program(folder, { type: type as "STANDARD" | "EXPRESS", death });
} else {
  for (const type of types) {
    test(`killed in the midst of a distributed Map, no ${type} child that has ended runs again and no item is lost`, {
      timeout: 60_000,
    }, async () => {
      const folder = mkdtempSync(join(tmpdir(), "scones-map-run-"));
      for (const death of deaths) assert.equal(await run(folder, type, death), "SIGKILL", `it did not die: ${death}`);
      assert.equal(await run(folder, type, "never"), 0);
      inspect(folder);
      rmSync(folder, { recursive: true });
    });
  }
}

function run(folder: string, type: string, death: string): Promise<number | string> {
  const self = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, [self, "program", folder, type, death], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(signal ?? code ?? "ended"));
  });
}

function inspect(folder: string): void {
  const lines = readFileSync(join(folder, "log"), "utf8").split("\n").filter(Boolean);
  const ended = new Set<string>();
  let again = 0;
  const begun = new Set<string>();
  for (const line of lines) {
    const [what = "", item = ""] = line.split(" ");
    if (what === "ended") ended.add(item);
    if (what !== "begun") continue;
    assert.ok(!ended.has(item), `item ${item} began again after its execution had ended`);
    if (begun.has(item)) again += 1;
    begun.add(item);
  }
  assert.equal(begun.size, itemCount);
  // Some ended together with the one at which the program died, and were not written down any more.
  assert.ok(ended.size > itemCount / 2, `only ${ended.size} children were seen to end`);
  assert.ok(again > 0, "no item was interrupted: nothing was put to the test");
  const store = sqliteStore({ file: join(folder, "scones.db"), clock: systemClock() });
  try {
    const record = store.executions.describe("machine:e");
    assert.equal(record?.status, "SUCCEEDED", record?.cause);
    // What was read first counts, although the object has changed with every start of the program.
    const expected = Array.from({ length: itemCount }, (_, n) => ({ n, version: 0 }));
    assert.deepEqual(JSON.parse(record?.output ?? ""), expected);
    const [mapRun] = store.resources.list<{
      status: string;
      counts: { items: { succeeded?: number; total?: number } };
    }>("states.mapRun");
    assert.equal(mapRun?.value.status, "SUCCEEDED");
    const { succeeded, total } = mapRun?.value.counts.items ?? {};
    assert.deepEqual([succeeded, total], [itemCount, itemCount]);
    assert.deepEqual(store.resources.list("states.mapRunInputs"), []);
    assert.deepEqual(store.executions.running({ limit: 1 }), []);
  } finally {
    store.close();
  }
}

async function program(
  folder: string,
  { type, death }: { type: "STANDARD" | "EXPRESS"; death: string },
): Promise<void> {
  const keepAlive = setInterval(() => {}, 1_000); // The clock's timers do not.
  const clock = systemClock();
  const store = sqliteStore({ file: join(folder, "scones.db"), clock });
  const { executions } = store;
  const log = join(folder, "log");
  const version = existsSync(log) ? readFileSync(log, "utf8").split("started").length - 1 : 0;
  appendFileSync(log, "started\n");
  const die = () => process.kill(process.pid, "SIGKILL");
  let endings = 0;
  const hasEnded = (input: string): void => {
    appendFileSync(log, `ended ${(JSON.parse(input) as { n: number }).n}\n`);
    if (String(++endings) === death) die();
  };
  const body = Array.from({ length: itemCount }, (_, n) => JSON.stringify({ n, version })).join("\n");
  const { service, engine } = statesService({
    clock,
    store: {
      ...store,
      executions: {
        ...executions,
        async start(execution) {
          const outcome = await executions.start(execution);
          if (execution.status !== "RUNNING") hasEnded(execution.input); // An EXPRESS child.
          return outcome;
        },
        async append(commit) {
          const isParent = commit.id === "machine:e";
          const isEnd = commit.status !== "RUNNING";
          if (isParent && isEnd && death === "before") die();
          const isTaken = await executions.append(commit);
          if (isParent && isEnd && death === "after") die();
          if (!isParent && isEnd && isTaken) hasEnded(executions.describe(commit.id)?.input ?? "");
          return isTaken;
        },
      },
    },
    functions: {
      async invoke(_name, payload) {
        const { n } = JSON.parse(String(payload)) as { n: number };
        appendFileSync(log, `begun ${n}\n`);
        await new Promise((resolve) => setTimeout(resolve, 1 + clock.random() * 20));
        return { payload, executedVersion: "$LATEST", requestId: clock.uuid(), logTail: "" };
      },
    },
    operations: {
      has: () => true,
      call: async () => ({ output: { Body: body }, requestId: "r" }),
    },
    events: { announce: async () => {} },
    onError: (error) => console.error(error),
  });
  const call = (operation: string, input: object) =>
    service.handlers[operation]?.(input, {
      requestId: "",
      region: "us-east-1",
      accountId: "000000000000",
      baseUrl: "",
      signal: new AbortController().signal,
    });
  await call("CreateStateMachine", {
    name: "machine",
    definition: JSON.stringify(definition(type)),
    roleArn: "arn:aws:iam::000000000000:role/r",
  });
  await engine.recover();
  if (executions.describe("machine:e") === undefined) {
    await call("StartExecution", { stateMachineArn: `${arn}:stateMachine:machine`, name: "e" });
  }
  while (executions.running({ limit: 1 }).length > 0 || executions.outbox(1).length > 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await engine.close();
  store.close();
  clearInterval(keepAlive);
}

function definition(ExecutionType: string) {
  const one = {
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke",
    Parameters: { FunctionName: "one", "Payload.$": "$" },
    OutputPath: "$.Payload",
    End: true,
  };
  const ItemProcessor = {
    ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType },
    StartAt: "one",
    States: { one },
  };
  const ItemReader = {
    Resource: "arn:aws:states:::s3:getObject",
    ReaderConfig: { InputType: "JSONL" },
    Parameters: { Bucket: "b", Key: "k" },
  };
  return { StartAt: "all", States: { all: { Type: "Map", MaxConcurrency: 20, ItemReader, ItemProcessor, End: true } } };
}
