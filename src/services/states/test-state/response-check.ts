import { readFileSync } from "node:fs";
import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";

/* Whether a mocked result is what the API of the service could have answered, by AWS's models of these answers. */

/** Written by scripts/extract-response-shapes.py. A shape without a kind or members takes anything. */
interface ResponseShape {
  members?: { [name: string]: string };
  required?: string[];
  element?: string;
  value?: string;
  kind?: "string" | "number" | "boolean";
  min?: number;
  max?: number;
  enum?: string[];
}

interface ServiceShapes {
  operations: { [operation: string]: string };
  shapes: { [name: string]: ResponseShape };
}

let read: { [service: string]: ServiceShapes } | undefined;

/**
 * Throws AWS's words about the first member that does not fit. `service` is named as in `aws-sdk:<service>`, `operation` and all
 * members in Pascal case. Unknown members pass, and so does everything that a service or operation without a known shape answers.
 */
export function checkResponse(
  result: Json,
  { service, operation, mode }: { service: string; operation: string; mode: "STRICT" | "PRESENT" },
): void {
  read ??= JSON.parse(readFileSync(new URL("response-shapes.json", import.meta.url), "utf8")) as typeof read;
  const model = read?.[service];
  const shape = model?.operations[operation];
  if (model !== undefined && shape !== undefined) check(model, { name: "", value: result, shape, mode });
}

function check(
  model: ServiceShapes,
  { name, value, shape, mode }: { name: string; value: Json; shape: string; mode: "STRICT" | "PRESENT" },
): void {
  const {
    members,
    required = [],
    element,
    value: valueShape,
    kind,
    enum: values,
    min,
    max,
  } = model.shapes[shape] as ResponseShape;
  const sub = (at: string, one: Json, target: string) => check(model, { name: at, value: one, shape: target, mode });
  if (members !== undefined) {
    const object = objectOf(name, value);
    const missing = mode === "STRICT" ? required.find((member) => object[member] === undefined) : undefined;
    if (missing !== undefined) throw schemaError(`Required field '${missing}' is missing`);
    for (const [member, one] of Object.entries(object)) {
      const target = Object.hasOwn(members, member) ? members[member] : undefined;
      if (target !== undefined && one !== null) sub(member, one, target);
    }
  } else if (element !== undefined) {
    if (!Array.isArray(value)) throw schemaError(`Field '${name}' must be an array`);
    for (const one of value) sub(name, one, element);
  } else if (valueShape !== undefined) {
    for (const [key, one] of Object.entries(objectOf(name, value))) sub(key, one, valueShape);
  } else if (kind !== undefined) {
    if (typeof value !== kind) throw schemaError(`Field '${name}' must be a ${kind}`);
    if (values !== undefined && !values.includes(value as string)) {
      throw schemaError(`Field '${name}' is not an expected value`);
    }
    checkRange(name, value, { min, max });
  }
}

function checkRange(
  name: string,
  value: Json,
  { min, max }: { min: number | undefined; max: number | undefined },
): void {
  const isText = typeof value === "string";
  const size = isText ? value.length : Number(value);
  if (min !== undefined && size < min) {
    throw schemaError(
      `Field '${name}' is ${isText ? "smaller than the minimum length" : "less than the minimum value"}`,
    );
  }
  // The words for a text that is too long are a guess by analogy.
  if (max !== undefined && size > max) {
    throw schemaError(`Field '${name}' exceeds the maximum ${isText ? "length" : "value"}`);
  }
}

function objectOf(name: string, value: Json): { [name: string]: Json } {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
  throw name === ""
    ? new Fault("ValidationException", "Mocked result must be a JSON object.")
    : schemaError(`Field '${name}' must be an object`);
}

function schemaError(text: string): Fault {
  return new Fault("ValidationException", `Mock result schema validation error: ${text}`);
}
