import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../kit/json.ts";
import { validate } from "./validate.ts";

const pass = { Type: "Pass", End: true };
const scope = (states: { [name: string]: Json }): { [name: string]: Json } => ({
  StartAt: Object.keys(states)[0] as string,
  States: states,
});
const mapOf = (states: { [name: string]: Json }, more: { [name: string]: Json } = {}): Json => ({
  Type: "Map",
  ItemProcessor: { ...scope(states), ...more },
  End: true,
});
const distributed = { ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" } };

const findings: Record<string, { definition: Json; expect: string[] }> = {
  "a state's name is used again in an inner scope": {
    definition: scope({ A: mapOf({ A: pass }) }),
    expect: ["ERROR DUPLICATE_STATE_NAME /States/A/ItemProcessor/States/A"],
  },
  "two Maps have the same label": {
    definition: scope({
      A: { ...(mapOf({ B: pass }, distributed) as object), Label: "l", End: undefined as unknown as Json, Next: "C" },
      C: { ...(mapOf({ D: pass }, distributed) as object), Label: "l" },
    }),
    expect: ["ERROR DUPLICATE_LABEL_NAME /States/C/Label"],
  },
  "a machine never ends": {
    definition: scope({ A: { Type: "Pass", Next: "B" }, B: { Type: "Pass", Next: "A" } }),
    expect: ["ERROR MISSING_END_STATE /"],
  },
  "an iteration assigns a variable of the machine": {
    definition: scope({
      A: { Type: "Pass", Assign: { "x.$": "$" }, Next: "M" },
      M: mapOf({ B: { ...pass, Assign: { x: 1 } } }),
    }),
    expect: ["ERROR SCHEMA_VALIDATION_FAILED /States/M/ItemProcessor/States/B/Assign"],
  },
  "a parameter looks like a path": {
    definition: scope({ A: { ...pass, Parameters: { deep: [{ a: "$.b" }], f: "States.UUID()", money: "$5" } } }),
    expect: ["WARNING NO_DOLLAR /States/A/Parameters/a", "WARNING NO_DOLLAR /States/A/Parameters/f"],
  },
  "an error looks like a path": {
    definition: scope({ A: { Type: "Fail", Error: "$.error" } }),
    expect: ["WARNING NO_PATH /States/A/Error"],
  },
  "a Result looks like a template": {
    definition: scope({ A: { ...pass, Result: { "a.$": "$.b" } } }),
    expect: ["WARNING PASS_RESULT_IS_STATIC /States/A/Result"],
  },
  "branches assign the same name": {
    definition: scope({
      P: {
        Type: "Parallel",
        Branches: [scope({ A: { ...pass, Assign: { x: 1 } } }), scope({ B: { ...pass, Assign: { x: 2 } } })],
        End: true,
      },
    }),
    expect: [],
  },
  "an execution of a distributed Map assigns a name of its parent": {
    definition: scope({
      A: { Type: "Pass", Assign: { x: 1 }, Next: "M" },
      M: mapOf({ B: { ...pass, Assign: { x: 1 } } }, distributed),
    }),
    expect: [],
  },
};

for (const [what, { definition, expect }] of Object.entries(findings)) {
  test(`where ${what}, that is ${expect.length === 0 ? "accepted" : "told"}`, () => {
    const found = validate(JSON.stringify(definition));
    assert.deepEqual(
      found.map(({ severity, code, location }) => `${severity} ${code} ${location}`),
      expect,
    );
  });
}
