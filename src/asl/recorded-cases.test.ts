import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type RecordedCase, replay } from "./recorded-case.ts";

/* The histories that AWS wrote are the specification. L1: status, output, error, cause. L2: types of events. L3: ids, chain, details. */

const folder = join(
  process.env["SCONES_SHARED"] ?? join(import.meta.dirname, "..", "..", "..", "shared"),
  "data",
  "asl-cases",
);
const skip = existsSync(folder) ? false : `there are no recorded cases in ${folder}`;

test("recorded executions are replayed as AWS ran them", { skip }, async () => {
  const areas = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const total = { cases: 0, l1: 0, l2: 0, l3: 0 };
  const lines: string[] = [];
  for (const area of areas) {
    const cases = (JSON.parse(readFileSync(join(folder, area), "utf8")) as RecordedCase[]).filter(
      ({ kind }) => kind === "execution" || kind === "output" || kind === "sync-execution",
    );
    const reached = { l1: 0, l2: 0, l3: 0 };
    for (const recorded of cases) {
      const levels = await replay(recorded);
      for (const level of ["l1", "l2", "l3"] as const) reached[level] += levels[level] ? 1 : 0;
      if (levels.problem !== undefined && process.env["SCONES_SHOW_CASES"] !== undefined)
        console.log(`${area} ${recorded.id.split("::").at(-1)}\n    ${levels.problem}`);
    }
    if (cases.length > 0)
      lines.push(`${area.padEnd(50)} ${cases.length} cases  L1 ${reached.l1}  L2 ${reached.l2}  L3 ${reached.l3}`);
    total.cases += cases.length;
    for (const level of ["l1", "l2", "l3"] as const) total[level] += reached[level];
  }
  console.log(`${lines.join("\n")}\n${JSON.stringify(total)}`);
  assert.ok(total.cases >= 600, `only ${total.cases} cases were seen`);
});
