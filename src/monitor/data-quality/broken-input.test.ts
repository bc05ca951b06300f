import assert from "node:assert/strict";
import { test } from "node:test";
import { seeded } from "../testing/seeded.ts";
import { parseConstraints } from "./constraints-file.ts";
import type { DatasetFormat } from "./dataset-format.ts";
import { createProfile } from "./profile.ts";
import { profileDrift } from "./profile-drift.ts";
import { readRows } from "./read-rows.ts";
import { parseStatistics } from "./statistics-file.ts";
import { suggestConstraints } from "./suggest-constraints.ts";
import { findViolations } from "./violations.ts";

const whole = JSON.stringify({
  captureData: {
    endpointInput: { observedContentType: "image/png", mode: "INPUT", data: "iVBORw0KGgo=", encoding: "BASE64" },
    endpointOutput: {
      observedContentType: "text/csv",
      mode: "OUTPUT",
      data: '1e3,"a"\n-0.5,__proto__',
      encoding: "CSV",
    },
  },
  eventMetadata: { eventId: "e", inferenceTime: "2026-01-01T00:00:00Z" },
});
const pieces = ["", '"', "{", "}", "[", "\n", ",", "null", "1e999", "\\u0000", "NaN", "CSV", "JSON", "data"];

/** Repeatable damage: a piece of the line replaced by something else. */
function damaged(count: number): string[] {
  const random = seeded(11);
  const below = (limit: number): number => Math.floor(random() * limit);
  return Array.from({ length: count }, () => {
    const at = below(whole.length);
    return whole.slice(0, at) + (pieces[below(pieces.length)] as string) + whole.slice(at + below(30));
  });
}

const formats: DatasetFormat[] = [
  { kind: "capture", captureIndexNames: ["endpointInput", "endpointOutput"] },
  { kind: "json", hasLines: true },
  { kind: "json", hasLines: false },
  { kind: "csv", hasHeader: false },
];

for (const format of formats) {
  test(`damaged lines read as ${JSON.stringify(format)} are rows or problems, and what they suggest they fulfil`, async () => {
    let [rows, problems, violations] = [0, 0, 0];
    for (const line of damaged(2000)) {
      const builder = createProfile();
      for await (const row of readRows([line], { format, onProblem: () => problems++ })) builder.add(row);
      const profile = builder.finish();
      rows += profile.rowCount;
      // As if the files had been written and read again.
      const baselineStatistics = parseStatistics(JSON.stringify(profile.statistics));
      const constraints = parseConstraints(JSON.stringify(suggestConstraints(baselineStatistics)));
      violations += findViolations({ profile, constraints, baselineStatistics }).violations.length;
      assert.equal(profileDrift(profile, baselineStatistics).isDrifting, false);
    }
    assert.ok(rows > 100, `${rows} rows, ${problems} problems`);
    assert.equal(violations, 0);
  });
}
