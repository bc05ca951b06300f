import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type RecordedCase, replay } from "./testing/recorded-case.ts";

/*
 * Executions recorded on AWS, replayed: L1 status, output, error and cause; L2 the types of the events; L3 ids, chain and details.
 *
 * What is below its number of cases is so for a reason that no kernel can remove: histories from before AWS chained
 * MapStateExited to MapRunStarted (8) or gave the context a RedriveCount (1), a nested Parallel whose inner events the recorder
 * lost, a recording that stops after its first event, and two cases whose functions' answers are not part of the recording.
 */

/** Per area: cases, then how many reach L1, L2 and L3. Raise a number when it is exceeded; never lower one. */
const floors: Record<string, readonly [number, number, number, number]> = {
  "activities__activities.json": [3, 3, 3, 3],
  "arguments__arguments.json": [4, 4, 4, 4],
  "assign__assign_base.json": [3, 3, 3, 3],
  "assign__assign_reference_variables.json": [16, 16, 16, 16],
  "base__base.json": [19, 19, 19, 19],
  "base__wait.json": [2, 2, 2, 2],
  "callback__callback.json": [6, 6, 6, 6],
  "choice_operators__is_operators.json": [72, 72, 72, 72],
  "choice_operators__numeric.json": [140, 140, 140, 140],
  "choice_operators__string_operators.json": [30, 30, 30, 30],
  "choice_operators__timestamp_operators.json": [10, 10, 10, 10],
  "comments__comments.json": [1, 1, 1, 1],
  "context_object__context_object.json": [3, 3, 3, 3],
  "credentials__credentials_base.json": [1, 1, 1, 1],
  "error_handling__aws_sdk.json": [1, 1, 1, 1],
  "error_handling__states_errors.json": [3, 3, 3, 3],
  "error_handling__task_lambda.json": [3, 3, 3, 3],
  "error_handling__task_service_dynamodb.json": [2, 2, 2, 2],
  "error_handling__task_service_lambda.json": [5, 5, 5, 5],
  "error_handling__task_service_sqs.json": [3, 3, 3, 3],
  "evaluate_jsonata__base_evaluate_expressions.json": [5, 5, 5, 5],
  "express__express_sync.json": [4, 3, 3, 3],
  "intrinsic_functions__array.json": [27, 27, 27, 27],
  "intrinsic_functions__encode_decode.json": [2, 2, 2, 2],
  "intrinsic_functions__generic.json": [16, 16, 16, 16],
  "intrinsic_functions__hash_calculations.json": [5, 5, 5, 5],
  "intrinsic_functions__json_manipulation.json": [20, 20, 20, 20],
  "intrinsic_functions__math_operations.json": [25, 25, 25, 25],
  "intrinsic_functions__math_operations_jsonata.json": [1, 1, 1, 1],
  "intrinsic_functions__string_operations.json": [1, 1, 1, 1],
  "local_mocking__base_callbacks.json": [1, 1, 1, 1],
  "local_mocking__base_scenarios.json": [6, 5, 5, 5],
  "logs__logs.json": [24, 24, 24, 24],
  "outputdecl__output.json": [4, 4, 4, 4],
  "query_language__mixed_query_language.json": [9, 9, 9, 9],
  "scenarios__base_scenarios.json": [83, 82, 81, 71],
  "services__aws_sdk_task_service.json": [9, 9, 9, 9],
  "services__events_task_service.json": [3, 3, 3, 3],
  "services__lambda_task.json": [3, 3, 3, 3],
  "services__lambda_task_service.json": [3, 3, 3, 3],
  "services__sfn_task_service.json": [2, 2, 2, 2],
  "services__sns_task_service.json": [8, 8, 8, 8],
  "services__sqs_task_service.json": [1, 1, 1, 1],
  "sfn_api.json": [3, 3, 3, 3],
  "sfn_api_express.json": [1, 1, 1, 1],
  "states_variables__error_output.json": [9, 9, 9, 9],
  "timeouts__heartbeats.json": [1, 1, 1, 1],
  "timeouts__timeouts.json": [2, 2, 2, 2],
};

const folder = join(
  process.env["SCONES_SHARED"] ?? join(import.meta.dirname, "..", "..", "..", "shared"),
  "data",
  "asl-cases",
);
const skip = existsSync(folder) ? false : `there are no recorded cases in ${folder}`;

test("recorded executions run as they ran on AWS", { skip }, async (context) => {
  const reached: Record<string, number[]> = {};
  for (const area of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    const levels = await Promise.all(casesOf(area).map(replay));
    const count = (level: "l1" | "l2" | "l3") => levels.filter((each) => each[level]).length;
    if (levels.length > 0) reached[area] = [levels.length, count("l1"), count("l2"), count("l3")];
    for (const { problem } of levels) if (problem !== undefined) context.diagnostic(`${area}: ${problem}`);
  }
  assert.deepEqual(reached, floors);
});

test("a replay notices an event that points elsewhere", { skip }, async () => {
  const ordered = casesOf("base__base.json").filter(({ expect }) => expect.ordered && (expect.events?.length ?? 0) > 2);
  const spoiled = ordered.map((recorded) => {
    const copy = structuredClone(recorded);
    const last = copy.expect.events?.at(-1);
    if (last !== undefined) last.previousEventId += 1;
    return copy;
  });
  const levels = await Promise.all(spoiled.map(replay));
  assert.ok(levels.length >= 10);
  assert.deepEqual(
    levels.map(({ l2, l3 }) => [l2, l3]),
    levels.map(() => [true, false]),
  );
});

test("a replay notices another output", { skip }, async () => {
  const cases = casesOf("intrinsic_functions__array.json").map((recorded) => ({
    ...recorded,
    expect: { ...recorded.expect, output: { FunctionResult: "another" } },
  }));
  const levels = await Promise.all(cases.map(replay));
  assert.ok(levels.length >= 20);
  assert.ok(levels.every(({ l1 }) => !l1));
});

function casesOf(area: string): RecordedCase[] {
  const cases = JSON.parse(readFileSync(join(folder, area), "utf8")) as RecordedCase[];
  return cases.filter(({ kind }) => kind === "execution" || kind === "output" || kind === "sync-execution");
}
