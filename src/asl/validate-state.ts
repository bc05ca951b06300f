import type { Json } from "../kit/json.ts";
import { integrationOf } from "./integration.ts";
import { isExpression } from "./jsonata/template.ts";
import { parseTimestamp } from "./time.ts";
import { type Check, type Fields, isObject, type Place } from "./validate-check.ts";
import { validateChoice } from "./validate-choice.ts";
import { validateHandlers } from "./validate-handlers.ts";
import { validateMap } from "./validate-map.ts";
import { validateFlow, validatePayload, validateTwins } from "./validate-values.ts";

/** One state whose type and field names are known to be right. */
export function validateState(
  check: Check,
  { state, type, place }: { state: Fields; type: string; place: Place },
): undefined {
  if (["Task", "Pass", "Wait", "Parallel", "Map"].includes(type)) validateTransition(check, state, place);
  validateFlow(check, state, place);
  validateHandlers(check, state, place);
  switch (type) {
    case "Task":
      return validateTask(check, state, place);
    case "Choice":
      return validateChoice(check, state, place);
    case "Wait":
      return validateWait(check, state, place);
    case "Fail":
      return validateFail(check, state, place);
    case "Parallel":
      return validateParallel(check, state, place);
    case "Map":
      return validateMap(check, state, place);
  }
}

function validateTransition(check: Check, state: Fields, { path }: Place): undefined {
  const { Next: next, End: end } = state;
  if (next === undefined && end === undefined) return check.report("One of the fields [Next, End] is required", path);
  if (next !== undefined && end !== undefined)
    return check.report("Only one of the fields [Next, End] can be set", path);
  if (next !== undefined && typeof next !== "string") check.report("Expected value of type String", `${path}/Next`);
  if (end !== undefined && end !== true) check.report("The field 'End' must be true", `${path}/End`);
}

function validateTask(check: Check, state: Fields, place: Place): undefined {
  const location = `${place.path}/Resource`;
  const resource = state["Resource"];
  if (resource === undefined) check.report("The field 'Resource' is required but was missing", place.path);
  else if (typeof resource !== "string") check.report("Expected value of type String", location);
  else validateResource(check, resource, location);
  validateTwins(check, state, { field: "TimeoutSeconds", place, least: 1 });
  validateTwins(check, state, { field: "HeartbeatSeconds", place, least: 1 });
  const { Credentials: credentials, TimeoutSeconds: timeout, HeartbeatSeconds: heartbeat } = state;
  if (credentials !== undefined) {
    if (!isObject(credentials)) check.report("Expected value of type Object", `${place.path}/Credentials`);
    else if (credentials["RoleArn"] === undefined && credentials["RoleArn.$"] === undefined) {
      check.report("The field 'RoleArn' is required but was missing", `${place.path}/Credentials`);
    }
    validatePayload(check, { value: credentials, field: "Credentials", place });
  }
  if (typeof timeout === "number" && typeof heartbeat === "number" && heartbeat >= timeout) {
    check.report("'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'", `${place.path}/HeartbeatSeconds`);
  }
}

function validateResource(check: Check, resource: string, location: string): undefined {
  const integration = integrationOf(resource);
  if (integration === undefined) {
    const reason = "The value is not a valid resource ARN, or the resource is not available in this region.";
    return check.report(`The resource provided ARN is not recognized. ${reason}`, location);
  }
  if (check.type !== "EXPRESS") return;
  if (integration.kind === "activity") check.report("Express state machine does not support Activity ARN", location);
  if (integration.kind !== "service" || integration.pattern === "request") return;
  // The blank at the end of one of the two sentences is AWS's.
  const what =
    integration.pattern === "sync" ? "'.sync' service integration" : "'.waitForTaskToken' service integration ";
  check.report(`Express state machine does not support ${what}`, location);
}

function validateWait(check: Check, state: Fields, { path, language }: Place): undefined {
  const fields = ["Seconds", "Timestamp", "SecondsPath", "TimestampPath"].filter((field) => state[field] !== undefined);
  if (fields.length !== 1) {
    return check.report("Exactly one of the fields [Seconds, Timestamp, SecondsPath, TimestampPath] is required", path);
  }
  const field = fields[0] as string;
  const value = state[field] as Json;
  if (language === "JSONata" && isExpression(value)) return;
  if (field === "Timestamp" && (typeof value !== "string" || parseTimestamp(value) === undefined)) {
    check.report("String does not match RFC3339 timestamp", `${path}/Timestamp`);
  }
  if (
    field === "Seconds" &&
    (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 99_999_999)
  ) {
    check.report("Expected value of type Integer between 0 and 99999999", `${path}/Seconds`);
  }
}

function validateFail(check: Check, state: Fields, { path }: Place): undefined {
  for (const field of ["Error", "Cause"]) {
    if (state[field] !== undefined && state[`${field}Path`] !== undefined) {
      check.report(`Only one of the fields [${field}, ${field}Path] can be set`, path);
    }
    if (state[field] !== undefined && typeof state[field] !== "string")
      check.report("Expected value of type String", `${path}/${field}`);
  }
}

function validateParallel(check: Check, state: Fields, place: Place): undefined {
  const branches = state["Branches"];
  const location = `${place.path}/Branches`;
  if (branches === undefined) return check.report("The field 'Branches' is required but was missing", place.path);
  if (!Array.isArray(branches)) return check.report("Expected value of type Array", location);
  if (branches.length === 0) return check.report("Value cannot be empty", location);
  for (const [i, branch] of branches.entries()) {
    check.validateScope(branch, { path: `${location}[${i}]`, language: check.machineLanguage });
  }
}
