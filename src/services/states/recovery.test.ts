import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { HistoryEvent } from "../../asl/contract.ts";
import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Executions } from "../../ports/store.ts";
import { sqliteStore } from "../../store/sqlite.ts";
import { engine } from "./engine.ts";
import type { Engine, StartRequest } from "./engine-contract.ts";
import { statesLanguage } from "./language.ts";
import { TaskFailure, type TaskRunner } from "./task-pool.ts";
import { dice, randomDefinition } from "./testing/random-definition.ts";

/*
 * Random definitions are run twice: once undisturbed, and once by a server that dies again and again, at commits drawn at
 * random, just before or just after they are on the disk. Every execution must end the same way with the same history.
 *
 * Time is virtual and a death takes none. What a task answers, and when, follows from its effect id: one that is begun again
 * after a death ends when it would have ended.
 *
 * SCONES_SEEDS=5000 runs more of them, SCONES_SEED=x others. A failure names its seed and shows its definition.
 */

const count = Number(process.env["SCONES_SEEDS"] ?? 300);
const family = process.env["SCONES_SEED"] ?? "scones";
const atOnce = 100;
/** Commits between two deaths, at most. */
const longestLife = 150;
const startMs = Date.UTC(2026, 0, 1);

test("executions of a server that dies at random end as undisturbed ones do, with the same history", {
  timeout: 600_000,
}, async () => {
  let deaths = 0;
  let events = 0;
  const statuses = new Set<string>();
  for (let first = 0; first < count; first += atOnce) {
    const seeds = Array.from({ length: Math.min(atOnce, count - first) }, (_, n) => `${family}-${first + n}`);
    const undisturbed = await runAll(seeds, () => Number.POSITIVE_INFINITY);
    const random = dice(`deaths ${family} ${first}`);
    const disturbed = await runAll(seeds, () => 1 + random.upTo(longestLife));
    deaths += disturbed.deaths;
    for (const seed of seeds) {
      const expected = undisturbed.outcomes.get(seed);
      assert.deepEqual(
        disturbed.outcomes.get(seed),
        expected,
        `seed ${seed}: ${JSON.stringify(randomDefinition(seed))}`,
      );
      statuses.add(expected?.status ?? "");
      events += expected?.history.length ?? 0;
    }
  }
  assert.ok(deaths * 5 > count / 4, `the server died only ${deaths} times`);
  assert.ok(events > count * 8, `only ${events} events were compared`);
  assert.ok(statuses.has("SUCCEEDED") && statuses.has("FAILED"), `the executions ended ${[...statuses].join()}`);
});

interface Outcome {
  status: string;
  output: string | undefined;
  error: string | undefined;
  cause: string | undefined;
  history: object[];
}

/** What lives on when the server dies: time, and what tasks do. */
interface World {
  nowMs: number;
  endOfTask: Map<string, number>;
}

async function runAll(
  seeds: string[],
  lifeOf: () => number,
): Promise<{ outcomes: Map<string, Outcome>; deaths: number }> {
  const world: World = { nowMs: startMs, endOfTask: new Map() };
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "scones-recovery-"));
  let number = 0;
  const open = () => life(join(folder, String(number), "scones.db"), { world, commits: lifeOf() });
  let present = open();
  try {
    const unanswered = new Set(seeds);
    const start = () => {
      for (const seed of unanswered) present.start(request(seed), () => unanswered.delete(seed));
    };
    start();
    for (;;) {
      await present.rest();
      if (present.hasDied()) {
        const before = present;
        cpSync(join(folder, String(number)), join(folder, String(number + 1)), { recursive: true });
        number += 1;
        before.bury();
        present = open();
        await present.recover();
        start(); // Whose answer was lost asks again.
      } else if (!present.goOn()) break;
    }
    return { outcomes: present.outcomes(seeds), deaths: number };
  } finally {
    present.bury();
    rmSync(folder, { recursive: true });
  }
}

/** A server from its start to its death, which comes with the commit of that number. */
function life(file: string, { world, commits }: { world: World; commits: number }) {
  const clock = clockOf(world);
  const store = sqliteStore({ file, clock });
  const { executions } = store;
  const random = dice(`${file} ${commits}`);
  let left = commits;
  let underWay = 0;
  let hasDied = false;
  const errors: unknown[] = [];
  const never = new Promise<never>(() => {});
  const commit = async <T>(write: () => Promise<T>): Promise<T> => {
    if (hasDied) return never;
    left -= 1;
    const isLast = left <= 0;
    if (isLast && random.chance(50)) {
      hasDied = true;
      return never;
    }
    underWay += 1;
    try {
      const answer = await write();
      hasDied ||= isLast;
      return hasDied ? never : answer;
    } finally {
      underWay -= 1;
    }
  };
  const mortal: Executions = {
    ...executions,
    start: (execution) => commit(() => executions.start(execution)),
    append: (change) => commit(() => executions.append(change)),
  };
  const running: Engine = engine({
    executions: mortal,
    clock,
    kernel: { ...statesLanguage, compile: compiledOnce },
    runTask: tasksOf({ world, clock, isDead: () => hasDied }),
    maxConcurrentTasks: 100_000,
    onError: (error) => errors.push(error),
  });
  return {
    start(given: StartRequest, answered: () => void): void {
      running.start(given).then(answered, (error: unknown) => errors.push(error));
    },
    recover: () => running.recover(),
    /** Until nothing happens any more without time going on. */
    async rest(): Promise<void> {
      for (let quiet = 0; quiet < 4 && !hasDied; quiet++) {
        await new Promise((resolve) => setImmediate(resolve));
        if (underWay > 0) quiet = 0;
      }
      while (underWay > 0) await new Promise((resolve) => setImmediate(resolve));
    },
    hasDied: () => hasDied,
    goOn: () => clock.goOn(),
    outcomes(seeds: string[]): Map<string, Outcome> {
      assert.deepEqual(errors, []);
      return new Map(seeds.map((seed) => [seed, outcomeOf(executions, seed)]));
    },
    bury: () => {
      hasDied = true;
      store.close();
    },
  };
}

const machines = new Map<string, unknown>();
/** Whatever dies, a definition need not be compiled again. */
function compiledOnce(definition: string, options: { type: "STANDARD" | "EXPRESS" }): unknown {
  const machine = machines.get(definition) ?? statesLanguage.compile(definition, options);
  machines.set(definition, machine);
  return machine;
}

/** The world's time, and what one life has scheduled in it. */
function clockOf(world: World): Clock & { goOn(): boolean } {
  let scheduled: { dueMs: number; callback: () => void }[] = [];
  let uuids = 0;
  return {
    now: () => world.nowMs,
    schedule(delayMs, callback) {
      const entry = { dueMs: world.nowMs + Math.max(0, delayMs), callback };
      scheduled.push(entry);
      return () => {
        scheduled = scheduled.filter((other) => other !== entry);
      };
    },
    uuid: () => `uuid ${uuids++}`,
    random: () => 0.5,
    /** Calls what is due next; false when nothing is. */
    goOn() {
      const next = scheduled.reduce<(typeof scheduled)[number] | undefined>(
        (first, other) => (first === undefined || other.dueMs < first.dueMs ? other : first),
        undefined,
      );
      if (next === undefined) return false;
      scheduled = scheduled.filter((other) => other !== next);
      world.nowMs = Math.max(world.nowMs, next.dueMs);
      next.callback();
      return true;
    },
  };
}

/** Tasks whose fate follows from their effect id: most answer, some fail, few never end. */
function tasksOf({ world, clock, isDead }: { world: World; clock: Clock; isDead: () => boolean }): TaskRunner {
  return (task, { record, signal }) =>
    new Promise((resolve, reject) => {
      if (isDead()) return;
      const id = `${record.id} ${task.id}`;
      const hash = createHash("sha256").update(id).digest();
      // Times of their own, so that the order of what happens never hangs on anything else.
      const endMs =
        world.endOfTask.get(id) ?? world.nowMs + (hash.readUInt16LE(0) % 6_000) + hash.readUInt32LE(2) / 2 ** 33;
      world.endOfTask.set(id, endMs);
      const fate = hash.readUInt8(8) % 100;
      const end = (): void => {
        const { n = 0 } = task.parameters as { n?: number };
        if (fate < 12) reject(new TaskFailure("Flaky", "it may work the next time"));
        else if (fate < 17) reject(new TaskFailure("Fatal", "it never will"));
        else resolve({ n: n + (fate % 7), list: Array.from({ length: fate % 4 }, (_, index): Json => index) });
      };
      const cancel = clock.schedule(endMs - world.nowMs, end);
      signal.addEventListener("abort", cancel);
    });
}

function outcomeOf(executions: Executions, seed: string): Outcome {
  const record = executions.describe(seed);
  assert.ok(record !== undefined && record.status !== "RUNNING", `${seed} is ${record?.status ?? "lost"}`);
  const { status, output, error, cause } = record;
  const history = executions.history<HistoryEvent>(seed, { limit: 30_000 }).map((event, index) => {
    assert.ok(event.id === index + 1 && event.previousEventId < event.id, `event ${event.id} of ${seed}`);
    const { timestampMs: _timestamp, ...rest } = event;
    return rest;
  });
  return { status, output, error, cause, history };
}

function request(seed: string): StartRequest {
  const text = JSON.stringify(randomDefinition(seed));
  const input = { n: 1, list: [3, 5, 7] };
  return {
    id: seed,
    machine: "m",
    type: "STANDARD",
    definition: { hash: seed, text },
    inputText: JSON.stringify(input),
    input,
    context: {
      executionArn: seed,
      executionName: seed,
      roleArn: "role",
      startTime: new Date(startMs).toISOString(),
      stateMachineArn: "arn:aws:states:us-east-1:000000000000:stateMachine:m",
      stateMachineName: "m",
      region: "us-east-1",
    },
    startedMs: startMs,
    details: {},
  };
}
