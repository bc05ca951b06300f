import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Json } from "../kit/json.ts";
import { compile } from "./compile.ts";
import { type Happening, runExecution } from "./driver-in-memory.ts";

/* The language, one behaviour per entry of cases/*.json: a definition, an input, what its tasks answer, and what must come out. */

interface LanguageCase {
  /** A sentence about the language. */
  says: string;
  definition?: Json;
  /** Short for a machine of this one state, called `State`. */
  state?: { [name: string]: Json };
  input?: Json;
  /** What the tasks answer, in the order in which they are asked. */
  tasks?: ({ output: Json } | { error?: string; cause?: string } | { silent: true })[];
  expect: {
    status: string;
    output?: Json;
    error?: string;
    cause?: string;
    events?: string[];
    parameters?: Json[];
    seconds?: number;
  };
}

const folder = join(import.meta.dirname, "cases");

for (const file of readdirSync(folder).sort()) {
  for (const languageCase of JSON.parse(readFileSync(join(folder, file), "utf8")) as LanguageCase[]) {
    test(`${file.replace(".json", "")}: ${languageCase.says}`, async () => {
      assert.deepEqual(await outcomeOf(languageCase), languageCase.expect);
    });
  }
}

test("every area of the language has cases", () => {
  const counts = readdirSync(folder).map(
    (file) => (JSON.parse(readFileSync(join(folder, file), "utf8")) as Json[]).length,
  );
  assert.ok(counts.length >= 13, `only ${counts.length} areas`);
  assert.ok(counts.reduce((sum, count) => sum + count, 0) >= 260, `only ${counts} cases`);
});

/** Only what the case asks about. */
async function outcomeOf({
  definition,
  state,
  input,
  tasks = [],
  expect,
}: LanguageCase): Promise<LanguageCase["expect"]> {
  const machine = compile(
    definition ?? { StartAt: "State", States: { State: { ...(ending(state ?? {}) as object) } } },
  );
  const parameters: Json[] = [];
  const { execution, events } = await runExecution(machine, input ?? {}, {
    task: (effect, attempt) => {
      parameters.push(effect.parameters);
      return happeningsOf(effect.id, tasks[attempt]);
    },
  });
  const { status, output, error, cause } = execution;
  const elapsedMs = (events.at(-1)?.timestampMs ?? 0) - (events[0]?.timestampMs ?? 0);
  const all = {
    status,
    output,
    error,
    cause,
    events: events.map(({ type }) => type),
    parameters,
    seconds: elapsedMs / 1000,
  };
  const asked = Object.keys(expect).filter((name) => ["events", "parameters", "seconds"].includes(name));
  const shown = Object.entries(all).filter(
    ([name, value]) =>
      value !== undefined && (asked.includes(name) || ["status", "output", "error", "cause"].includes(name)),
  );
  return Object.fromEntries(shown) as unknown as LanguageCase["expect"];
}

function ending(state: { [name: string]: Json }): { [name: string]: Json } {
  const needsEnd = ["Task", "Pass", "Wait", "Parallel", "Map"].includes(state["Type"] as string);
  return needsEnd ? { ...state, End: true } : state;
}

function happeningsOf(effectId: string, answer: NonNullable<LanguageCase["tasks"]>[number] | undefined): Happening[] {
  if (answer === undefined)
    return [
      { type: "taskFailed", effectId, error: "Test.Unexpected", cause: "the case names no answer for this task" },
    ];
  if ("silent" in answer) return [];
  if ("output" in answer) return [{ type: "taskSucceeded", effectId, output: answer.output }];
  return [{ type: "taskFailed", effectId, error: answer.error, cause: answer.cause }];
}
