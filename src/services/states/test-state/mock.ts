import type { MockInput } from "@aws-sdk/client-sfn";
import type { Answer } from "../../../asl/test-state.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import { optimized } from "../integrations/optimized-table.ts";
import { parseResource, pascalCase } from "../integrations/resource.ts";
import { sdkServices } from "../integrations/sdk-services.ts";
import { type Fields, scopesOf } from "./definition-under-test.ts";
import { checkResponse } from "./response-check.ts";

/** What the mock says instead of the world; refused when the world could not have said it. */
export function mockedAnswer(mock: MockInput, state: Fields): Answer {
  const { result, errorOutput, fieldValidationMode: mode = "STRICT" } = mock;
  if ((result === undefined) === (errorOutput === undefined)) {
    throw refused("A test mock should have only one of the following fields: [result, errorOutput].");
  }
  // That the error is required is documented; the words are a guess.
  if (errorOutput !== undefined && errorOutput.error === undefined)
    throw refused("Mocked errorOutput must have an error.");
  if (errorOutput !== undefined) return { error: errorOutput.error, cause: errorOutput.cause };
  const output = parsed(result as string);
  if (state["Type"] === "Task") {
    if (mode !== "NONE") checkTaskResult(output, String(state["Resource"]), mode as "STRICT" | "PRESENT");
  } else checkChildrenResult(output, state);
  return { output };
}

function parsed(result: string): Json {
  try {
    return JSON.parse(result) as Json;
  } catch {
    throw refused("Mocked result must be valid JSON");
  }
}

function checkChildrenResult(result: Json, state: Fields): void {
  if (state["ResultWriter"] !== undefined) {
    const isObject = result !== null && typeof result === "object" && !Array.isArray(result);
    if (!isObject) throw refused("Mocked result must be a JSON object.");
    return;
  }
  if (!Array.isArray(result)) throw refused("Mocked result must be an array.");
  if (state["Type"] === "Parallel" && result.length !== scopesOf(state).length) {
    throw refused("Mocked result must contain the same number of items as number of Parallel branches.");
  }
}

/** Functions, activities and callbacks may answer anything; a job that is waited for answers its description. */
function checkTaskResult(result: Json, resource: string, mode: "STRICT" | "PRESENT"): void {
  const call = parseResource(resource);
  if (call === undefined || call.kind === "function" || call.kind === "activity") return;
  const { service, operation, suffix } = call;
  const name = `${service}:${operation}`;
  // These two answer with the JSON of others among their members.
  if (suffix === "waitForTaskToken" || name === "lambda:invoke") return;
  if (name === "states:startExecution" && suffix !== "") return;
  const polled = suffix === "" ? undefined : optimized[name]?.poll?.operation;
  checkResponse(result, { service: sdkNameOf(service), operation: polled ?? pascalCase(operation), mode });
}

/** Optimized integrations name a service as its model does, mostly. */
function sdkNameOf(service: string): string {
  const known = Object.entries(sdkServices).find(([, { model }]) => model === service);
  return known?.[0] ?? service;
}

function refused(text: string): Fault {
  return new Fault("ValidationException", text);
}
