import type { Json } from "../kit/json.ts";
import { fieldsOfCatcher, fieldsOfRetrier } from "./fields.ts";
import { type Check, type Fields, isObject, type Place } from "./validate-check.ts";
import { validateExpressions, validatePayload, validateResultPath } from "./validate-values.ts";

/** Retry and Catch. */
export function validateHandlers(check: Check, state: Fields, place: Place): undefined {
  for (const field of ["Retry", "Catch"]) {
    const list = state[field];
    if (list === undefined) continue;
    if (!Array.isArray(list)) {
      check.report("Expected value of type Array", `${place.path}/${field}`);
      continue;
    }
    for (const [i, handler] of list.entries()) {
      const path = `${place.path}/${field}[${i}]`;
      if (!isObject(handler)) check.report("Expected value of type Object", path);
      else validateHandler(check, handler, { field, isLast: i === list.length - 1, place: { ...place, path } });
    }
  }
}

function validateHandler(
  check: Check,
  handler: Fields,
  { field, isLast, place }: { field: string; isLast: boolean; place: Place },
): undefined {
  const known = field === "Retry" ? fieldsOfRetrier : fieldsOfCatcher(place.language);
  for (const name of Object.keys(handler)) {
    if (!known.has(name)) check.report(`Field '${name}' is not supported`, `${place.path}/${name}`);
  }
  validateErrors(check, handler["ErrorEquals"], { isLast, path: place.path });
  if (field === "Retry") return validateRetrier(check, handler, place.path);
  if (handler["Next"] === undefined) check.report("The field 'Next' is required but was missing", place.path);
  if (place.language === "JSONata") return validateExpressions(check, handler, place);
  validateResultPath(check, handler, place);
  validatePayload(check, { value: handler["Assign"], field: "Assign", place });
}

function validateErrors(
  check: Check,
  errors: Json | undefined,
  { isLast, path }: { isLast: boolean; path: string },
): undefined {
  if (errors === undefined) return check.report("The field 'ErrorEquals' is required but was missing", path);
  const location = `${path}/ErrorEquals`;
  if (!Array.isArray(errors) || errors.some((name) => typeof name !== "string"))
    return check.report("Expected value of type Array", location);
  if (errors.length === 0) return check.report("Value cannot be empty", location);
  if (!errors.includes("States.ALL")) return;
  if (errors.length > 1) check.report("States.ALL must appear alone in ErrorEquals", location);
  if (!isLast) check.report("States.ALL must be the last one of its list", location);
}

function validateRetrier(check: Check, retrier: Fields, path: string): undefined {
  const number = (field: string, isRight: (value: number) => boolean, expected: string) => {
    const value = retrier[field];
    if (value === undefined || (typeof value === "number" && isRight(value))) return;
    check.report(`Expected value of type ${expected}`, `${path}/${field}`);
  };
  number("IntervalSeconds", (value) => Number.isInteger(value) && value >= 1, "Integer greater than 0");
  number(
    "MaxAttempts",
    (value) => Number.isInteger(value) && value >= 0 && value <= 99_999_999,
    "Integer between 0 and 99999999",
  );
  number("BackoffRate", (value) => value >= 1, "Number greater than or equal to 1");
  number(
    "MaxDelaySeconds",
    (value) => Number.isInteger(value) && value >= 1 && value <= 31_622_400,
    "Integer between 1 and 31622400",
  );
  const jitter = retrier["JitterStrategy"];
  if (jitter !== undefined && jitter !== "FULL" && jitter !== "NONE") {
    check.report("The field 'JitterStrategy' should have one of these values: [FULL, NONE]", `${path}/JitterStrategy`);
  }
}
