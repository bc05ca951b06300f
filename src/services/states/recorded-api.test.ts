import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import { setUpService } from "./testing/service.ts";

/* API calls and their answers as recorded on AWS; every case is run from its first call on against a service of its own. */

interface RecordedCall {
  id: string;
  key: string;
  kind: string;
  op: string;
  args: Fields;
  unresolved?: boolean;
  placeholders?: { words?: string[]; values?: string[] };
  expect: { raises?: boolean; response: Json };
  script?: { service: string; op: string; args: Fields; returns?: Fields }[];
}
type Fields = { [name: string]: Json };

const folder = join(
  process.env["SCONES_SHARED"] ?? join(import.meta.dirname, "..", "..", "..", "..", "shared"),
  "data",
  "asl-cases",
);
const skip = existsSync(folder) ? false : `there are no recorded cases in ${folder}`;

/** What the wire, not the service, answers; and texts that are the recorder's own, of which the code alone counts. */
const checkedByTheWire =
  /^1 validation error detected: Value '.*' at '(name|maxResults|nextToken)'|Parameter validation failed/s;
const namedByTheRecorder = /^Error=ValueError/;

test("API calls are answered as AWS answered them", { skip }, async () => {
  const { counts, problems } = await replayAreas((name) => name.startsWith("sfn_api"));
  assert.ok((counts["api"] ?? 0) > 250, `only ${counts["api"]} calls were seen`);
  assert.ok((counts["validate-state-machine-definition"] ?? 0) >= 3, "hardly any validated definition was seen");
  assert.deepEqual(problems, []);
});

test("single states are tested as AWS tested them", { skip }, async () => {
  const { counts, problems } = await replayAreas((name) => name.startsWith("state__"));
  assert.ok((counts["test-state"] ?? 0) > 120, `only ${counts["test-state"]} tested states were seen`);
  assert.deepEqual(problems, []);
});

async function replayAreas(isWanted: (name: string) => boolean) {
  const areas = readdirSync(folder).filter((name) => isWanted(name) && name.endsWith(".json"));
  const problems: string[] = [];
  const counts: { [kind: string]: number } = {};
  for (const area of areas) {
    const cases = (JSON.parse(readFileSync(join(folder, area), "utf8")) as RecordedCall[]).filter(isOurs);
    for (const recorded of cases) {
      counts[recorded.kind] = (counts[recorded.kind] ?? 0) + 1;
      const problem = await problemWith(recorded);
      if (problem !== undefined) problems.push(`${area} ${recorded.id.split("::").at(-1)} ${recorded.key}: ${problem}`);
    }
  }
  if (process.env["SCONES_SHOW_CASES"] !== undefined) console.log(problems.join("\n"));
  const seen = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  console.log(`recorded: ${seen.join(", ")}; ${problems.length} answered differently`);
  return { counts, problems };
}

function isOurs({ id, key, kind, expect, unresolved, script }: RecordedCall): boolean {
  const { message } = errorOf(expect.response);
  return (
    ["api", "validate-state-machine-definition", "test-state"].includes(kind) &&
    unresolved !== true &&
    !unusable.some((part) => `${id} ${key}`.includes(part)) &&
    !(expect.raises === true && checkedByTheWire.test(message)) &&
    !(script ?? []).some((step) => step.service === "cloudformation")
  );
}

/**
 * Calls whose arguments the recorder made unusable: every role the same one, a page token that is null, an error filed as an answer.
 * And two that name the 10,240 MB which a function could have at most then: AWS's own model allows 32,768 now.
 */
const unusable = [
  "integer_more_than_maximum_allowed",
  "test_create_update_state_machine_base_role_arn",
  "list_state_machine_aliases_next_token_response",
  "start_sync_execution_error",
];

/** What the recordings call the one map run they ask for. */
const recordedMapRun = "arn:aws:states:us-east-1:111111111111:mapRun:sm/label:uuid-5";

async function problemWith(recorded: RecordedCall): Promise<string | undefined> {
  const objects = new Map<Json, Json>();
  const operations = {
    "sqs.SendMessage": () => ({ MessageId: "1" }),
    "sqs.ReceiveMessage": () => ({}),
    "s3.GetObject": ({ Key }: Record<string, unknown>) => ({ Body: objects.get(Key as Json) }),
  };
  const { call, close, store, clock } = setUpService({ operations });
  const replaced = new Map<string, string>();
  let answer: { response?: Json; error?: unknown } = {};
  try {
    for (const step of recorded.script ?? [{ service: "stepfunctions", op: recorded.op, args: recorded.args }]) {
      if (step.service === "logs" && step.op === "create_log_group") {
        store.logs.createGroup(String(step.args["logGroupName"]));
      }
      if (step.service === "s3" && step.op === "put_object") {
        objects.set(step.args["Key"] as Json, step.args["Body"] as Json);
      }
      if (step.service === "_await") await clock.advance(60_000);
      if (step.service !== "stepfunctions") continue;
      const args = replace(step.args, replaced) as Fields;
      try {
        const response = (await call(operationName(step.op), args)) as Fields;
        for (const [name, value] of Object.entries(step.returns ?? {})) {
          if (typeof value === "string" && typeof response[name] === "string") replaced.set(value, response[name]);
        }
        const [mapRun] = (response["mapRuns"] ?? []) as { mapRunArn: string }[];
        if (mapRun !== undefined) replaced.set(recordedMapRun, mapRun.mapRunArn);
        answer = { response: JSON.parse(JSON.stringify(response)) as Json };
      } catch (error) {
        answer = { error };
      }
    }
  } finally {
    await close();
  }
  return compare(recorded, answer);
}

function compare({ expect, placeholders }: RecordedCall, { response, error }: { response?: Json; error?: unknown }) {
  if (expect.raises === true) {
    if (!(error instanceof Fault)) return `expected ${show(expect.response)}, got ${show(response ?? String(error))}`;
    const wanted = errorOf(expect.response);
    if (wanted.code !== undefined && wanted.code !== error.code)
      return `expected ${show(wanted)}, got ${error.code}: ${error.message}`;
    if (namedByTheRecorder.test(wanted.message)) return undefined;
    return matcher(placeholders)(wanted.message, error.message)
      ? undefined
      : `expected ${wanted.message}, got ${error.message}`;
  }
  if (error !== undefined) return `expected ${show(expect.response)}, got ${String((error as Error).stack ?? error)}`;
  const { ResponseMetadata: _metadata, ...wanted } = expect.response as Fields;
  // Recordings of before 2024 lack what AWS answers since.
  const newer = { ...(response as Fields) };
  for (const name of ["encryptionConfiguration", "variableReferences"]) {
    if (wanted[name] === undefined) delete newer[name];
  }
  return matcher(placeholders)(wanted, newer) ? undefined : `expected ${show(wanted)}, got ${show(newer)}`;
}

function errorOf(response: Json): { code?: string; message: string } {
  if (response === null || typeof response !== "object" || Array.isArray(response)) return split(String(response));
  const fields = response as { Error?: { Code: string }; message?: string; exception_value?: string };
  if (fields.exception_value !== undefined) return split(fields.exception_value);
  return { code: fields.Error?.Code, message: split(fields.message ?? "").message };
}

function split(text: string): { code?: string; message: string } {
  const match = /^An error occurred \((\w+)\) when calling the \w+ operation: ([\s\S]*)$/.exec(text);
  return match === null ? { message: text } : { code: match[1], message: match[2] as string };
}

function operationName(op: string): string {
  return op.replace(/(^|_)([a-z])/g, (_all, _separator, letter: string) => letter.toUpperCase());
}

function replace(value: Json, replaced: Map<string, string>): Json {
  let text = JSON.stringify(value);
  // Longer ones first: an ARN may begin with another.
  for (const [from, to] of [...replaced].sort(([a], [b]) => b.length - a.length)) {
    if (from.length > 8) text = text.replaceAll(JSON.stringify(from).slice(1, -1), JSON.stringify(to).slice(1, -1));
  }
  return JSON.parse(text) as Json;
}

function matcher(placeholders: RecordedCall["placeholders"]): (expected: Json, actual: Json) => boolean {
  const anyText = new Set(
    `timestamp date datetime start-date stop-date creation-date snf_role_arn sfn_role_arn activity_arn activity_name`
      .split(" ")
      .concat(placeholders?.words ?? [], placeholders?.values ?? []),
  );
  const words = [...anyText].filter((word) => /_/.test(word));
  const same = (expected: Json, actual: Json): boolean => {
    if (typeof expected === "string") {
      if (anyText.has(expected) || /^activity_(arn|name)_\d$/.test(expected)) return actual !== undefined;
      if (expected === actual) return true;
      if (isJsonList(expected) && isJsonList(actual))
        return same(JSON.parse(expected) as Json, JSON.parse(actual) as Json);
      let pattern = expected.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/<[^<>]*>/g, "[\\s\\S]*");
      pattern = pattern.replaceAll("111111111111", "\\d{12}");
      for (const word of words) pattern = pattern.replaceAll(word, "[\\s\\S]*");
      return typeof actual === "string" && new RegExp(`^${pattern}$`).test(actual);
    }
    if (expected === null || typeof expected !== "object") return expected === actual;
    // The recorder parsed texts that begin with `{`.
    const other: Json = typeof actual === "string" ? (JSON.parse(actual) as Json) : actual;
    if (other === null || typeof other !== "object" || Array.isArray(expected) !== Array.isArray(other)) return false;
    const [left, right] = [expected as Fields, other as Fields];
    const names = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...names].every((name) => {
      const [one, two] = [left[name], right[name]];
      return one !== undefined && two !== undefined && same(one, two);
    });
  };
  return same;
}

/** Lists were left as the text they came as; white space inside differs from place to place. */
function isJsonList(value: Json): value is string {
  return typeof value === "string" && value.startsWith("[");
}

function show(value: unknown): string {
  return JSON.stringify(value).slice(0, 700);
}
