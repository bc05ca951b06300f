import type { Json } from "../../kit/json.ts";
import { setMember } from "../template.ts";

/**
 * What an expression answered, as plain JSON: the library's marks on lists, functions and undefined members are dropped.
 * Undefined when the whole is not JSON (a function). Values without such marks are answered as they are, not copied.
 */
export function toJson(value: unknown): Json | undefined {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "object" || value === undefined || isFunction(value)) return undefined;
  return Array.isArray(value) ? listToJson(value) : objectToJson(value as { [name: string]: unknown });
}

function isFunction(value: object): boolean {
  return "_jsonata_function" in value || "_jsonata_lambda" in value;
}

function listToJson(list: unknown[]): Json {
  const items = list.map(toJson).filter((item) => item !== undefined);
  const isPlain = !("sequence" in list) && items.length === list.length && items.every((item, i) => item === list[i]);
  return isPlain ? (list as Json) : items;
}

function objectToJson(object: { [name: string]: unknown }): Json {
  let isPlain = true;
  const copy: { [name: string]: Json } = {};
  for (const name of Object.keys(object)) {
    const isGetter = Object.getOwnPropertyDescriptor(object, name)?.get !== undefined;
    const member = toJson(object[name]);
    if (isGetter || member !== object[name]) isPlain = false;
    if (member !== undefined) setMember(copy, name, member);
  }
  return isPlain ? (object as Json) : copy;
}
