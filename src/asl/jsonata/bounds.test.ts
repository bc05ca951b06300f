import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { advance } from "../advance.ts";
import { compile } from "../compile.ts";
import type { Step } from "../contract.ts";
import { testContext } from "../driver-in-memory.ts";

async function evaluate(expression: string, input: unknown = {}): Promise<{ step: Step; text: string }> {
  const machine = compile({
    QueryLanguage: "JSONata",
    StartAt: "P",
    States: { P: { Type: "Pass", Output: `{% ${expression} %}`, End: true } },
  });
  const step = await advance(machine, undefined, {
    type: "start",
    input: input as never,
    context: testContext,
    atMs: 1,
    seed: "s",
  });
  return { step, text: JSON.stringify(step.execution.output ?? step.execution.cause) };
}

const runaways: Record<string, { expression: string; input?: unknown }> = {
  "a range of a billion": { expression: "$sum([1..1000000000])" },
  "a range beyond AWS's own limit": { expression: "$count([1..873783])" },
  "a recursion without end": { expression: "($f := function($n) { 1 + $f($n + 1) }; $f(1))" },
  "a tail recursion without end": { expression: "($f := function($n) { $f($n + 1) }; $f(1))" },
  "a text that doubles": {
    expression: "($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $length($f('x', 40)))",
  },
  "a padding of a billion": { expression: "$pad('x', 1000000000)" },
  "a $range of a billion": { expression: "$range(1, 1000000000, 1)" },
  "a hostile regular expression": { expression: "$contains($states.input, /^(a+)+$/)", input: `${"a".repeat(60)}!` },
};

for (const [what, { expression, input }] of Object.entries(runaways)) {
  test(`${what} fails its state instead of hanging`, { timeout: 20_000 }, async () => {
    const { step } = await evaluate(expression, input);
    assert.deepEqual([step.execution.status, step.execution.error], ["FAILED", "States.QueryEvaluationError"]);
  });
}

test("what AWS still evaluates is evaluated", async () => {
  assert.equal((await evaluate("$count([1..873782])")).text, "873782");
  assert.equal((await evaluate(Array.from({ length: 190 }, () => "1").join("+"))).text, "190");
});

test("others get their turn while an expression runs long", { timeout: 20_000 }, async () => {
  let isDone = false;
  const running = evaluate("($f := function($n) { $n = 0 ? 0 : $f($n - 1) }; $f(10000))").finally(() => {
    isDone = true;
  });
  let turns = 0;
  while (!isDone) {
    turns++;
    await turn();
  }
  assert.equal((await running).text, "0");
  assert.ok(turns > 10, `only ${turns} turns`);
});

test("randomness and time follow from the step alone", async () => {
  const expression = "[$random(), $uuid(), $millis(), $shuffle([1..20]), $random(7)]";
  assert.equal((await evaluate(expression)).text, (await evaluate(expression)).text);
  assert.match(
    (await evaluate("$uuid()")).text,
    /^"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"$/,
  );
});

test("an expression cannot reach its own account of steps or the process", async () => {
  const { step } = await evaluate("$string($constructor) & $exists($process)");
  assert.equal(step.execution.output, "false");
});
