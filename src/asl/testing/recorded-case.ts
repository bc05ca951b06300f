import type { Json } from "../../kit/json.ts";
import { compile } from "../compile.ts";
import type { ExecutionContext, HistoryEvent } from "../contract.ts";
import type { Happening, MapRunEffect, Ran, TaskEffect } from "../driver-in-memory.ts";
import { runExecution } from "../driver-in-memory.ts";

/* Replays one case recorded on AWS: its tasks answer what the recording says they answered, then both histories are compared. */

type Fields = { [name: string]: Json };

export interface RecordedCase {
  id: string;
  key: string;
  kind: string;
  definition: Json;
  input: Json;
  type?: "STANDARD" | "EXPRESS";
  needs: string[];
  waitSeconds?: number;
  placeholders?: { words?: string[]; values?: string[] };
  historyArgs?: Fields;
  expect: {
    status?: string;
    output?: Json;
    error?: string;
    cause?: Json;
    eventTypes?: string[];
    ordered?: boolean;
    parallelNormalised?: boolean;
    events?: RecordedEvent[];
  };
}

type RecordedEvent = Fields & { id: Json; previousEventId: number; type: string; _repaired?: boolean };

interface Levels {
  /** Status, output, error and cause. */
  l1: boolean;
  /** The types of the events. */
  l2: boolean;
  /** Ids, chain and details. */
  l3: boolean;
  problem?: string;
}

export async function replay(recorded: RecordedCase): Promise<Levels> {
  try {
    const ran = await run(recorded);
    return compare(recorded, ran);
  } catch (error) {
    return { l1: false, l2: false, l3: false, problem: String((error as Error).message) };
  }
}

async function run(recorded: RecordedCase): Promise<Ran> {
  const machine = compile(recorded.definition, { type: recorded.type ?? "STANDARD" });
  const events = inOrder(recorded.expect.events ?? []);
  const scheduled = events
    .map((event, i) => ({ event, i }))
    .filter(({ event }) => /(Task|LambdaFunction|Activity)Scheduled$/.test(event.type));
  const used = new Set<number>();
  const isAborted = recorded.expect.status === "ABORTED";
  const isOpen = recorded.expect.status === "RUNNING" || recorded.expect.status == null;
  return await runExecution(machine, withNow(recorded.input), {
    context: contextOf(recorded.type),
    task: (effect) => {
      const found = scheduled.find(({ i }) => !used.has(i));
      if (found === undefined)
        return [{ type: "taskFailed", effectId: effect.id, error: "Test.NotRecorded", cause: undefined }];
      used.add(found.i);
      return happeningsOf(effect, events.slice(found.i + 1));
    },
    mapRun: (effect) => mapRunHappenings(effect, events),
    ...(isAborted ? { outside: [{ type: "stop" as const, error: undefined, cause: undefined, atMs: 1000 }] } : {}),
    ...(isOpen ? { untilMs: 0 } : {}),
  });
}

function contextOf(type: RecordedCase["type"]): Partial<ExecutionContext> {
  if (type !== "EXPRESS") return { type: "STANDARD" };
  return {
    type,
    executionArn: "arn:aws:states:us-east-1:111111111111:express:machine:run:00000000-0000-4000-8000-000000000000",
  };
}

/** What the recording says happened to a task: the events up to its end. */
function happeningsOf(effect: TaskEffect, following: RecordedEvent[]): Happening[] {
  const effectId = effect.id;
  const happenings: Happening[] = [];
  for (const event of following) {
    const details = (Object.values(event).find(
      (value) => value !== null && typeof value === "object" && !Array.isArray(value),
    ) ?? {}) as Fields;
    const { output, error, cause, workerName } = details;
    if (/^(Task|LambdaFunction|Activity)Started$/.test(event.type)) {
      happenings.push({
        type: "taskStarted",
        effectId,
        ...(workerName === undefined ? {} : { workerName: workerName as string }),
      });
    } else if (event.type === "TaskSubmitted")
      happenings.push({ type: "taskSubmitted", effectId, output: unparsed(output) });
    else if (/Succeeded$/.test(event.type))
      return [...happenings, { type: "taskSucceeded", effectId, output: unparsed(output) }];
    else if (/(Task|LambdaFunction|Activity)TimedOut$/.test(event.type)) return happenings;
    else if (/(Task|LambdaFunction|Activity)Failed$/.test(event.type)) {
      const failure = {
        error: error as string | undefined,
        cause: typeof cause === "object" ? JSON.stringify(cause) : (cause as string | undefined),
      };
      return [...happenings, { type: "taskFailed", effectId, ...failure }];
    }
  }
  return happenings;
}

/** Items that are known are really run, each as an execution of its own; what a reader found is taken from the recording. */
async function mapRunHappenings(effect: MapRunEffect, events: RecordedEvent[]): Promise<Happening[]> {
  const effectId = effect.id;
  const { mapRunArn, definition, items } = effect.state as { mapRunArn: string; definition: Json; items?: Json[] };
  const failed = events.find(({ type }) => type === "MapRunFailed");
  if (failed !== undefined) {
    const { error, cause } = failed["mapRunFailedEventDetails"] as { error?: string; cause?: string };
    return [{ type: "mapRunEnded", effectId, outcome: { status: "FAILED", error, cause, mapRunArn } }];
  }
  if (items !== undefined && !JSON.stringify(definition).includes('"Task"')) {
    const children = await Promise.all(items.map((item) => runExecution(compile(definition), item)));
    const output = children.map(({ execution }) => execution.output ?? null);
    return [{ type: "mapRunEnded", effectId, outcome: { status: "SUCCEEDED", output, mapRunArn } }];
  }
  const exited = events.find((event) => event.type === "MapStateExited");
  const output = unparsed((exited?.["stateExitedEventDetails"] as Fields | undefined)?.["output"]);
  return [{ type: "mapRunEnded", effectId, outcome: { status: "SUCCEEDED", output, mapRunArn } }];
}

/** Texts beginning with `{` were parsed by the recorder, others were not. */
function unparsed(value: Json | undefined): Json {
  if (typeof value !== "string") return value ?? null;
  try {
    return JSON.parse(value) as Json;
  } catch {
    return value;
  }
}

function inOrder(events: RecordedEvent[]): RecordedEvent[] {
  const isReversed =
    typeof events[0]?.id === "number" &&
    typeof events.at(-1)?.id === "number" &&
    (events[0].id as number) > (events.at(-1)?.id as number);
  return isReversed ? events.toReversed() : events;
}

function withNow(input: Json): Json {
  const text = JSON.stringify(input ?? {});
  return JSON.parse(
    text.replace(/@@NOW\+(\d+)d@@/g, (_all, days) =>
      new Date(Date.UTC(2026, 0, 1) + Number(days) * 86_400_000).toISOString().slice(0, 19),
    ),
  ) as Json;
}

function compare(recorded: RecordedCase, ran: Ran): Levels {
  const { expect } = recorded;
  const same = matcher(recorded);
  const { execution } = ran;
  const isOpen = expect.status === "RUNNING" || expect.status == null;
  const problems: string[] = [];
  const l1 =
    (isOpen || execution.status === expect.status) &&
    (expect.output === undefined || same(expect.output, execution.output ?? null)) &&
    (expect.error ?? undefined) === execution.error &&
    (expect.cause === undefined || expect.cause === null
      ? execution.cause === undefined
      : same(expect.cause, execution.cause ?? null));
  if (!l1)
    problems.push(
      `L1 expected ${show(expect)} got ${show({ status: execution.status, output: execution.output, error: execution.error, cause: execution.cause })}`,
    );
  if (expect.events === undefined || expect.events.length === 0) return { l1, l2: l1, l3: l1, ...problemOf(problems) };
  const expected = inOrder(expect.events);
  const actual = ran.events.map(asRecorded);
  const isBag = expect.ordered === false || expect.parallelNormalised === true;
  const types = (events: RecordedEvent[]) =>
    (isBag ? events.map(({ type }) => type).sort() : events.map(({ type }) => type)).join(" ");
  const l2 = types(expected) === types(actual);
  if (!l2) problems.push(`L2 expected ${types(expected)} got ${types(actual)}`);
  const l3Problem =
    expect.parallelNormalised === true ? bagProblem(expected, actual, same) : orderedProblem(expected, actual, same);
  if (l3Problem !== undefined) problems.push(`L3 ${l3Problem}`);
  return { l1, l2, l3: l2 && l3Problem === undefined, ...problemOf(problems) };
}

function problemOf(problems: string[]): { problem?: string } {
  return problems.length === 0 ? {} : { problem: problems.join("\n    ") };
}

function asRecorded(event: HistoryEvent): RecordedEvent {
  const { id, previousEventId, type, detailsName, details } = event;
  return { id, previousEventId, type, ...(detailsName === undefined ? {} : { [detailsName]: details as Json }) };
}

function orderedProblem(expected: RecordedEvent[], actual: RecordedEvent[], same: Same): string | undefined {
  for (const [i, event] of expected.entries()) {
    const other = actual[i];
    if (other === undefined) return `event ${i + 1} is missing`;
    const { timestamp: _timestamp, ...rest } = event;
    if (!same(rest, other)) return `event ${i + 1}: expected ${show(rest)} got ${show(other)}`;
  }
  return undefined;
}

/** Branch events were sorted by the recorder and lost their ids: compare them without, as a bag. */
function bagProblem(expected: RecordedEvent[], actual: RecordedEvent[], same: Same): string | undefined {
  const left = [...actual];
  for (const event of expected) {
    const { timestamp: _timestamp, id: _id, previousEventId: _previous, _repaired: _mark, ...rest } = event;
    const position = left.findIndex(({ id: _otherId, previousEventId: _otherPrevious, ...other }) =>
      same(rest, other as Json),
    );
    if (position < 0) return `no event like ${show(rest)}`;
    left.splice(position, 1);
  }
  return undefined;
}

type Same = (expected: Json, actual: Json) => boolean;

const anyValue = new Set(
  "timestamp date datetime start-date stop-date creation-date start-time snf_role_arn sfn_role_arn activity_arn bucket-name table-name RequestId x-amzn-RequestId X-Amzn-Trace-Id x-amz-crc32 RandomNumberGenerated".split(
    " ",
  ),
);

/** Equal as JSON at any depth; placeholders of the recorder stand for any text. */
function matcher(recorded: RecordedCase): Same {
  const values = new Set([
    ...anyValue,
    ...(recorded.placeholders?.words ?? []),
    ...(recorded.placeholders?.values ?? []),
  ]);
  const words = recorded.placeholders?.words ?? [];
  const same: Same = (expected, actual) => {
    if (typeof expected === "string" && values.has(expected)) return true;
    if (typeof expected === "string" && /^<[^<>]+>$/.test(expected)) return true;
    const [left, right] = [parsed(expected), parsed(actual)];
    if (typeof left === "string")
      return typeof right === "string" ? sameText(left, right, words) : /^<[^<>]*>$/.test(left);
    if (left === null || typeof left !== "object") return left === right;
    if (right === null || typeof right !== "object" || Array.isArray(left) !== Array.isArray(right)) return false;
    if (Array.isArray(left))
      return (
        left.length === (right as Json[]).length && left.every((item, i) => same(item, (right as Json[])[i] as Json))
      );
    const names = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...names].every((name) => {
      const [one, other] = [(left as Fields)[name], (right as Fields)[name]];
      return one !== undefined && other !== undefined && same(one, other);
    });
  };
  return same;
}

function parsed(value: Json): Json {
  if (typeof value !== "string" || !/^\s*[[{"\d\-tfn]/.test(value)) return value;
  try {
    return JSON.parse(value) as Json;
  } catch {
    return value;
  }
}

function sameText(expected: string, actual: string, words: string[]): boolean {
  if (expected === actual) return true;
  let pattern = expected.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/<[^<>]*(<[^<>]*>[^<>]*)*>/g, "[\\s\\S]*");
  pattern = pattern.replaceAll("111111111111", "\\d{12}");
  for (const word of words) pattern = pattern.replaceAll(word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "[\\s\\S]*");
  return new RegExp(`^${pattern}$`).test(actual);
}

function show(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 600) ?? "nothing";
}
