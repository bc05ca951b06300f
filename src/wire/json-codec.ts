// JSON bodies of json 1.0, json 1.1 and restJson as they come in: blobs are base64, timestamps are seconds.
import { Fault } from "../kit/fault.ts";
import type { Member, Shape } from "./model.ts";
import { readTimestamp } from "./timestamps.ts";

/** Nesting beyond this is refused: the deepest modelled shape has 12 levels, documents are the caller's own. */
const maxDepth = 64;

/** What a JSON value means in the model. A wrong type is the caller's SerializationException; unknown members are dropped. */
export function decodeJson(shape: Shape, value: unknown, path = "", depth = 0): unknown {
  if (depth > maxDepth) throw new Fault("SerializationException", `${path} is nested too deeply`);
  switch (shape.kind) {
    case "structure": {
      const object = objectOf(value, path);
      return decodeJsonMembers(shape.members, object, path, depth);
    }
    case "list": {
      if (!Array.isArray(value)) throw wrongType(path, "a list", value);
      const { element } = shape;
      return value.map((one, i) => (one === null ? null : decodeJson(element.shape, one, `${path}[${i}]`, depth + 1)));
    }
    case "map": {
      const decoded: Record<string, unknown> = {};
      for (const [key, one] of Object.entries(objectOf(value, path))) {
        if (one !== null) define(decoded, key, decodeJson(shape.value.shape, one, `${path}.${key}`, depth + 1));
      }
      return decoded;
    }
    case "string":
      if (typeof value !== "string") throw wrongType(path, "a string", value);
      return value;
    case "number":
      if (typeof value === "number") return value;
      if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
      throw wrongType(path, "a number", value);
    case "boolean":
      if (typeof value !== "boolean") throw wrongType(path, "a boolean", value);
      return value;
    case "blob":
    case "streaming-blob":
      if (typeof value !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw wrongType(path, "base64", value);
      return Buffer.from(value, "base64");
    case "document":
      return value;
    default:
      return readTimestamp(value, path);
  }
}

/** Some members of a structure: in REST protocols the others lie in the head of the request. */
export function decodeJsonMembers(
  members: readonly Member[],
  object: Record<string, unknown>,
  path: string,
  depth = 0,
): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const { name, shape } of members) {
    const value = object[name];
    if (value === undefined || value === null) continue;
    decoded[name] = decodeJson(shape, value, path === "" ? name : `${path}.${name}`, depth + 1);
  }
  return decoded;
}

/** Bytes of a blob as handlers may give it: bytes or text. */
export function bytesOf(value: unknown): Buffer {
  if (typeof value === "string") return Buffer.from(value);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  throw new Error(`a handler gave ${typeof value} where the model wants bytes`);
}

/** Sets a key that came from outside, `__proto__` included, as an own property. */
export function define(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

function objectOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongType(path, "an object", value);
  return value as Record<string, unknown>;
}

function wrongType(path: string, wanted: string, value: unknown): Fault {
  const found = value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
  return new Fault("SerializationException", `${path === "" ? "the body" : path} must be ${wanted}, not ${found}`);
}
