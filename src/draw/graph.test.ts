import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decodeImage } from "../images/decode-image.ts";
import { Fault } from "../kit/fault.ts";
import { graphSvg } from "./graph.ts";
import { graphModel } from "./graph-model.ts";
import { type ExecutionEvent, executionOutcome } from "./graph-outcome.ts";
import { svgToPng } from "./png.ts";

const lambda = (name: string, more: object) => ({
  Type: "Task",
  Resource: "arn:aws:states:::lambda:invoke",
  Parameters: { FunctionName: `arn:aws:lambda:us-east-1:123456789012:function:${name}:$LATEST` },
  ...more,
});
const linear = {
  StartAt: "Serialize",
  States: {
    Serialize: lambda("serialize", { Next: "Classify" }),
    Classify: lambda("classify", { Next: "Filter" }),
    Filter: lambda("filter", { End: true }),
  },
};
const nested = {
  StartAt: "Any?",
  States: {
    "Any?": {
      Type: "Choice",
      Choices: [
        { Variable: "$.count", NumericGreaterThan: 0, Next: "All" },
        { Condition: "{% $states.input.done %}", Next: "Done" },
      ],
      Default: "Done",
    },
    All: {
      Type: "Map",
      MaxConcurrency: 4,
      ItemProcessor: linear,
      Catch: [{ ErrorEquals: ["States.ALL"], Next: "Both" }],
      Next: "Both",
    },
    Both: {
      Type: "Parallel",
      Branches: [
        { StartAt: 'A <&> "b"', States: { 'A <&> "b"': { Type: "Wait", Seconds: 5, End: true } } },
        {
          StartAt: "B",
          States: { B: { Type: "Task", Resource: "arn:aws:states:::sqs:sendMessage.waitForTaskToken", End: true } },
        },
      ],
      Next: "Done",
    },
    Done: { Type: "Succeed" },
  },
};

/** A history told in short: `[type, previousEventId, state]`, ids from 1. */
function history(...lines: [string, number, string?][]): ExecutionEvent[] {
  return lines.map(([type, previousEventId, name], i) => ({
    id: i + 1,
    previousEventId,
    type,
    ...(type.endsWith("StateEntered") && { stateEnteredEventDetails: { name } }),
    ...(type.endsWith("StateExited") && { stateExitedEventDetails: { name } }),
  }));
}

const failed = history(
  ["ExecutionStarted", 0],
  ["TaskStateEntered", 0, "Serialize"],
  ["TaskScheduled", 2],
  ["TaskFailed", 3],
  ["TaskScheduled", 4],
  ["TaskSucceeded", 5],
  ["TaskStateExited", 6, "Serialize"],
  ["TaskStateEntered", 7, "Classify"],
  ["TaskScheduled", 8],
  ["TaskFailed", 9],
  ["ExecutionFailed", 10],
);

const statesIn = (svg: string) => [...svg.matchAll(/data-state="([^"]*)"/g)].map((match) => match[1]);
const outcomeIn = (svg: string, state: string) =>
  svg.match(new RegExp(`data-state="${state}"[^>]*data-outcome="([^"]*)"`))?.[1];

test("a graph shows every state once, nested ones too, and a pill pair per level", async () => {
  const svg = await graphSvg(nested);
  assert.deepEqual(statesIn(svg).sort(), [
    "A &lt;&amp;&gt; &quot;b&quot;",
    "All",
    "Any?",
    "B",
    "Both",
    "Classify",
    "Done",
    "Filter",
    "Serialize",
  ]);
  assert.equal(svg.match(/>Start<\/text>/g)?.length, 4);
  assert.equal(svg.match(/>End<\/text>/g)?.length, 4);
});

test("edges carry what decides them, and Catch edges are dashed", async () => {
  const svg = await graphSvg(nested);
  for (const label of ["$.count &gt; 0", "done", "Default", "Catch States.ALL"])
    assert.ok(svg.includes(`>${label}</text>`), label);
  assert.equal(svg.match(/stroke-dasharray="6 4" marker-end/g)?.length, 1);
});

test("tasks say what they call", () => {
  const details = graphModel(nested)
    .states.flatMap((state) => [state, ...state.children.flatMap((child) => child.states)])
    .map((state) => state.detail);
  for (const detail of ["lambda: classify", "sqs:sendMessage.waitForTaskToken", "Wait 5 s", "Map, at most 4 at once"])
    assert.ok(details.includes(detail), detail);
});

test("the same definition and history give the same bytes", async () => {
  assert.equal(
    await graphSvg(nested, { history: failed }),
    await graphSvg(structuredClone(nested), { history: failed }),
  );
});

test("states are marked by what became of them", async () => {
  const svg = await graphSvg(linear, { history: failed, title: "Scones" });
  assert.deepEqual(
    ["Serialize", "Classify", "Filter"].map((state) => outcomeIn(svg, state)),
    ["succeeded", "failed", "notReached"],
  );
  assert.ok(svg.includes("1 retry") && svg.includes(">Caught error</text>"));
});

test("a caught error, a running state and an aborted one are told apart", () => {
  const caught = history(
    ["ExecutionStarted", 0],
    ["TaskStateEntered", 0, "A"],
    ["TaskScheduled", 2],
    ["TaskFailed", 3],
    ["TaskStateExited", 4, "A"],
    ["PassStateEntered", 5, "B"],
  );
  const outcomes = (events: ExecutionEvent[]) =>
    Object.fromEntries([...executionOutcome(events).states].map(([name, { outcome }]) => [name, outcome]));
  assert.deepEqual(outcomes(caught), { A: "caught", B: "running" });
  assert.deepEqual(outcomes([...caught, { id: 7, previousEventId: 6, type: "ExecutionAborted" }]), {
    A: "caught",
    B: "aborted",
  });
  assert.ok(executionOutcome(caught).transitions.has("A -> B"));
});

test("a redriven execution is running again", () => {
  const events = [
    ...failed,
    { id: 12, previousEventId: 11, type: "ExecutionRedriven" },
    { id: 13, previousEventId: 8, type: "TaskScheduled" },
  ];
  assert.equal(executionOutcome(events).states.get("Classify")?.outcome, "running");
});

test("the iterations of a Map are counted, the worst one shows", () => {
  const events = history(
    ["ExecutionStarted", 0],
    ["MapStateEntered", 0, "All"],
    ["MapStateStarted", 2],
    ["MapIterationStarted", 3],
    ["MapIterationStarted", 3],
    ["PassStateEntered", 4, "P"],
    ["PassStateExited", 6, "P"],
    ["MapIterationSucceeded", 7],
    ["PassStateEntered", 5, "P"],
  );
  assert.deepEqual(executionOutcome(events).states.get("P"), { outcome: "running", times: 2, retries: 0 });
});

test("a failure inside of a Map shows on everything that it failed", () => {
  const events = history(
    ["ExecutionStarted", 0],
    ["MapStateEntered", 0, "All"],
    ["MapStateStarted", 2],
    ["MapIterationStarted", 3],
    ["ParallelStateEntered", 4, "Both"],
    ["ParallelStateStarted", 5],
    ["FailStateEntered", 6, "No"],
    ["PassStateEntered", 6, "Yes"],
    ["ParallelStateFailed", 7],
    ["MapIterationFailed", 9],
    ["MapStateFailed", 9],
    ["ExecutionFailed", 11],
  );
  const outcomes = [...executionOutcome(events).states].map(([name, { outcome }]) => [name, outcome]);
  assert.deepEqual(outcomes, [
    ["All", "failed"],
    ["Both", "failed"],
    ["No", "failed"],
    ["Yes", "aborted"],
  ]);
});

test("only what nothing followed leads to the end", () => {
  const events = history(
    ["ExecutionStarted", 0],
    ["TaskStateEntered", 0, "A"],
    ["TaskFailed", 2],
    ["TaskStateExited", 3, "A"],
    ["FailStateEntered", 4, "Told"],
    ["ExecutionFailed", 5],
  );
  assert.deepEqual([...executionOutcome(events).transitions].sort(), ["A -> Told", "Start -> A", "Told -> End"]);
});

test("states that run in executions of their own are not called unreached", async () => {
  const ItemProcessor = {
    ProcessorConfig: { Mode: "DISTRIBUTED" },
    StartAt: "Each",
    States: { Each: { Type: "Pass", End: true } },
  };
  const definition = { StartAt: "All", States: { All: { Type: "Map", ItemProcessor, End: true } } };
  const events = history(["ExecutionStarted", 0], ["MapStateEntered", 0, "All"], ["MapStateExited", 2, "All"]);
  const svg = await graphSvg(definition, { history: events });
  assert.equal(outcomeIn(svg, "All"), "succeeded");
  assert.match(svg, /<title>Each, Pass<\/title>/);
});

test("a graph becomes a PNG with the shipped fonts", async () => {
  const png = decodeImage(svgToPng(await graphSvg(linear, { title: "Scones" }), { scale: 1 }));
  // Letters of the title: dark pixels where an absent font would leave white.
  const dark = Array.from(
    { length: 200 * 40 },
    (_, i) => png.data[(Math.floor(i / 200) * png.width + (i % 200)) * 3] as number,
  ).filter((red) => red < 90);
  assert.ok(dark.length > 200, `${dark.length} dark pixels`);
});

test("what is no definition is refused", async () => {
  await assert.rejects(graphSvg("{"), (error) => error instanceof Fault && error.code === "InvalidDefinition");
  await assert.rejects(graphSvg({ States: {} }), /StartAt/);
});

const shared = process.env["SCONES_SHARED"] ?? join(import.meta.dirname, "..", "..", "..", "shared");
const histories = join(shared, "data", "histories");
const skip = existsSync(histories) ? false : `no recorded histories at ${histories}: set SCONES_SHARED`;

test("recorded histories end in the outcomes that they tell", { skip }, () => {
  const files = readdirSync(histories, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json"));
  const seen = files
    .map((file) => JSON.parse(readFileSync(join(histories, file), "utf8")))
    .map((value) => (Array.isArray(value) ? value : (value.events ?? [])) as ExecutionEvent[])
    .filter((events) => events.some((event) => event.type === "ExecutionStarted"));
  assert.equal(seen.length, 7);
  for (const events of seen) {
    const last = events.reduce((latest, event) => ((event.id ?? 0) > (latest.id ?? 0) ? event : latest));
    const outcomes = [...executionOutcome(events).states.values()].map(({ outcome }) => outcome);
    assert.equal(outcomes.includes("failed"), last.type === "ExecutionFailed");
    assert.equal(outcomes.includes("running"), !/^Execution(Succeeded|Failed|Aborted|TimedOut)$/.test(last.type ?? ""));
  }
});
