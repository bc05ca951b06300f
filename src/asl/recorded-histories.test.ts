import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Json } from "../kit/json.ts";
import { advance } from "./advance.ts";
import { compile } from "./compile.ts";
import type { Execution, HistoryEvent, KernelInput } from "./contract.ts";
import { testContext } from "./driver-in-memory.ts";

/* Seven histories of image classification workflows that ran on AWS, exported from its console: ours must equal them. */

type Fields = { [name: string]: Json };
type Recorded = Fields & { id: number; previousEventId: number; type: string; timestamp: string | number };

const folder = join(
  process.env["SCONES_SHARED"] ?? join(import.meta.dirname, "..", "..", "..", "shared"),
  "data",
  "histories",
);
const skip = existsSync(folder) ? false : `there are no histories in ${folder}`;

const wholeResult = { Output: "{% $states.result.Payload %}" };
const jsonataTask = { input: "Arguments", payload: "{% $states.input %}" };
/** How each machine's tasks pass their data, as the manifest of the histories describes it. */
const shapes: Record<string, { language: "JSONPath" | "JSONata"; fields: Fields[] }> = {
  h1: { language: "JSONPath", fields: [{}, { InputPath: "$.Payload.body" }, { InputPath: "$.Payload.body" }] },
  h2: {
    language: "JSONPath",
    fields: [{ OutputPath: "$.Payload" }, { OutputPath: "$.Payload" }, { OutputPath: "$.Payload" }],
  },
  h3: { language: "JSONata", fields: [wholeResult, wholeResult, wholeResult] },
  h4: { language: "JSONata", fields: [wholeResult, wholeResult, wholeResult] },
  h5: { language: "JSONata", fields: [wholeResult, wholeResult, wholeResult] },
  h6: { language: "JSONata", fields: [wholeResult, wholeResult, wholeResult] },
  h7: { language: "JSONata", fields: [wholeResult, wholeResult, wholeResult] },
};

for (const name of Object.keys(shapes)) {
  test(`the history ${name} of a real workflow comes out equal, event by event`, { skip }, async () => {
    const recorded = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as { events: Recorded[] };
    const written = await rerun(recorded.events, definitionOf(name, recorded.events));
    assert.ok(recorded.events.length >= 17);
    assert.deepEqual(written.map(asExported), recorded.events.map(comparable));
  });
}

function definitionOf(name: string, events: Recorded[]): Json {
  const { language, fields } = shapes[name] as (typeof shapes)[string];
  const names = [
    ...new Set(events.flatMap((event) => details(event, "stateEnteredEventDetails")?.["name"] ?? [])),
  ] as string[];
  const functions = names.map((state) => functionOf(state, events));
  const states = names.map((state, i) => {
    const given = { FunctionName: functions[i] as string };
    const payload =
      language === "JSONata"
        ? { Arguments: { ...given, Payload: jsonataTask.payload } }
        : { Parameters: { ...given, "Payload.$": "$" } };
    const next: Fields = i === names.length - 1 ? { End: true } : { Next: names[i + 1] as string };
    return [state, { Type: "Task", Resource: "arn:aws:states:::lambda:invoke", ...payload, ...fields[i], ...next }];
  });
  return { QueryLanguage: language, StartAt: names[0] as string, States: Object.fromEntries(states) as Json };
}

/** The function that the state of this name calls. */
function functionOf(state: string, events: Recorded[]): Json {
  const entered = events.findIndex((event) => details(event, "stateEnteredEventDetails")?.["name"] === state);
  const parameters = details(events[entered + 1] as Recorded, "taskScheduledEventDetails")?.["parameters"] as Fields;
  return parameters["FunctionName"] as Json;
}

/** Feeds the kernel with what happened outside of it: the start, what the functions answered, the redrive. */
async function rerun(events: Recorded[], definition: Json): Promise<HistoryEvent[]> {
  const machine = compile(definition);
  const written: HistoryEvent[] = [];
  let execution: Execution | undefined;
  let effectId = "";
  const tell = async (input: Record<string, unknown>, event: Recorded) => {
    const atMs = new Date(event.timestamp).getTime();
    const step = await advance(machine, execution, { atMs, seed: "seed", ...input } as KernelInput);
    execution = JSON.parse(JSON.stringify(step.execution)) as Execution;
    written.push(...step.events);
    effectId = step.effects.find(({ type }) => type === "task")?.["id" as never] ?? effectId;
  };
  for (const event of events) {
    const { input, roleArn, output, error, cause, parameters } = (Object.values(event).find(
      (value) => typeof value === "object",
    ) ?? {}) as Fields;
    if (event.type === "ExecutionStarted") {
      const context = { ...testContext, roleArn, region: regionOf(events) };
      await tell({ type: "start", input: JSON.parse(input as string), inputText: input, context }, event);
    } else if (event.type === "TaskStarted") await tell({ type: "taskStarted", effectId }, event);
    else if (event.type === "TaskSucceeded")
      await tell({ type: "taskSucceeded", effectId, output: JSON.parse(output as string) }, event);
    else if (event.type === "TaskFailed") await tell({ type: "taskFailed", effectId, error, cause }, event);
    else if (event.type === "ExecutionRedriven") await tell({ type: "redrive" }, event);
    else assert.ok(parameters === undefined || event.type === "TaskScheduled");
  }
  return written;
}

function regionOf(events: Recorded[]): string {
  return events.flatMap((event) => details(event, "taskScheduledEventDetails")?.["region"] ?? [])[0] as string;
}

function details(event: Recorded, name: string): Fields | undefined {
  return event[name] as Fields | undefined;
}

/** Without times, the two members that only the console adds, and the null details of its older form. */
function comparable({ timestamp: _timestamp, stepName: _step, redriveId: _redrive, ...event }: Recorded): Json {
  const isNull = (value: Json) => value === null;
  return Object.fromEntries(
    Object.entries(event).map(([name, value]) => {
      if (isNull(value) || typeof value !== "object") return [name, value];
      return [name, Object.fromEntries(Object.entries(value as Fields).filter(([, member]) => !isNull(member)))];
    }),
  ) as Json;
}

/** As the console exports it: parameters as an object. */
function asExported({ id, previousEventId, type, detailsName, details: own }: HistoryEvent): Json {
  const shown = own === undefined ? {} : { ...own };
  if (typeof shown["parameters"] === "string") shown["parameters"] = JSON.parse(shown["parameters"]) as Json;
  return { id, previousEventId, type, ...(detailsName === undefined ? {} : { [detailsName]: shown }) };
}
