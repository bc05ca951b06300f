import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Json } from "../kit/json.ts";
import { variableReferences } from "./variable-references.ts";

const file = join(
  process.env["SCONES_SHARED"] ?? join(import.meta.dirname, "..", "..", "..", "shared"),
  "data",
  "asl-cases",
  "sfn_api_variable_references.json",
);
const skip = existsSync(file) ? false : `there is no ${file}`;

interface RecordedCall {
  op: string;
  script: { op: string; args: { definition?: string } }[];
  expect: { response?: { variableReferences?: Json } };
}

test("the variables that states read are those AWS names", { skip }, () => {
  const described = (JSON.parse(readFileSync(file, "utf8")) as RecordedCall[]).filter(({ op }) =>
    op.startsWith("describe"),
  );
  const ours = described.map(({ script }) =>
    variableReferences(
      JSON.parse(script.find(({ op }) => op === "create_state_machine")?.args.definition ?? "{}") as Json,
    ),
  );
  assert.ok(described.length >= 30);
  assert.deepEqual(
    ours,
    described.map(({ expect }) => expect.response?.variableReferences ?? {}),
  );
});

test("expressions name the variables they read, not those they bind or call", () => {
  const pass = {
    Type: "Pass",
    Output: { a: "{% ($own := $outer + 1; $map($list, function($v) { $v * $own }) ~> $sum) %}", b: "$text" },
    End: true,
  };
  assert.deepEqual(variableReferences({ QueryLanguage: "JSONata", StartAt: "P", States: { P: pass } }), {
    P: ["list", "outer"],
  });
});
