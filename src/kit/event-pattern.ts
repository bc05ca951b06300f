import type { Json } from "./json.ts";

/*
 * The patterns of EventBridge rules and SNS filter policies: objects follow the event's, each leaf is a list of which one
 * must match, all keys must. Values match by type: "1" is not 1.
 */
export type EventPattern = (event: Json | undefined) => boolean;

/** A pattern that is not one: says where and why. */
export class PatternError extends Error {
  override readonly name = "PatternError";
}

/** As EventBridge and SNS: deeper nesting and more wildcards only serve to make matching slow. */
const deepestPattern = 32;
const mostWildcards = 32;

type Test = (value: Json | undefined) => boolean;

export function compilePattern(pattern: Json): EventPattern {
  return compileObject(pattern, "$", 0);
}

function compileObject(pattern: Json, path: string, depth: number): EventPattern {
  if (depth > deepestPattern) throw new PatternError(`${path} is nested deeper than ${deepestPattern} levels`);
  if (!isObject(pattern)) throw new PatternError(`${path} must be an object or an array`);
  const keys = Object.keys(pattern);
  if (keys.length === 0) throw new PatternError(`${path} must not be empty`);
  const tests = keys.map((key) => compileKey(key, pattern[key] as Json, `${path}.${key}`, depth));
  return (event) => tests.every((test) => test(event));
}

function compileKey(key: string, value: Json, path: string, depth: number): EventPattern {
  if (key === "$or" && Array.isArray(value) && value.every(isObject)) {
    if (value.length < 2) throw new PatternError(`${path} must have at least two alternatives`);
    const alternatives = value.map((one, i) => compileObject(one, `${path}[${i}]`, depth + 1));
    return (event) => alternatives.some((matches) => matches(event));
  }
  const below = Array.isArray(value) ? compileLeaf(value, path) : compileObject(value, path, depth + 1);
  return (event) => valuesAt(event, key).some(below);
}

/** A list of objects stands for each of them; what is not there is tested too, for `exists: false`. */
function valuesAt(event: Json | undefined, key: string): (Json | undefined)[] {
  if (Array.isArray(event)) {
    const found = event.flatMap((element) => valuesAt(element, key));
    return found.length === 0 ? [undefined] : found;
  }
  return [isObject(event) && Object.hasOwn(event, key) ? event[key] : undefined];
}

function compileLeaf(list: Json[], path: string): EventPattern {
  if (list.length === 0) throw new PatternError(`${path} must not be an empty array`);
  const tests = list.map((one) => compileTest(one, path));
  return (value) => tests.some((test) => test(value));
}

function compileTest(test: Json, path: string): Test {
  if (!isObject(test)) {
    if (Array.isArray(test)) throw new PatternError(`${path}: arrays of arrays are not supported`);
    return ofEach((value) => value === test);
  }
  const entries = Object.entries(test);
  const [operator, operand] = entries[0] ?? [];
  if (entries.length !== 1 || operator === undefined || operand === undefined) {
    throw new PatternError(`${path}: a match expression has exactly one operator`);
  }
  const at = `${path}.${operator}`;
  switch (operator) {
    case "exists":
      if (typeof operand !== "boolean") throw new PatternError(`${at} must be true or false`);
      return (value) => isLeaf(value) === operand;
    case "numeric":
      return ofEach(compileNumeric(operand, at));
    case "anything-but":
      return ofEach(compileAnythingBut(operand, at));
    case "prefix":
    case "suffix":
    case "equals-ignore-case":
    case "wildcard":
    case "cidr":
      return ofEach(compileText(operator, operand, at));
    default:
      throw new PatternError(`${path}: unrecognized match type "${operator}"`);
  }
}

/** A leaf that is a list matches when one of its elements does. */
function ofEach(test: (value: Json) => boolean): Test {
  return (value) => {
    if (value === undefined) return false;
    if (Array.isArray(value)) return value.some((element) => !isObject(element) && test(element));
    return !isObject(value) && test(value);
  };
}

function compileText(operator: string, operand: Json, path: string): (value: Json) => boolean {
  if (isObject(operand) && (operator === "prefix" || operator === "suffix")) {
    const inner = operand["equals-ignore-case"];
    if (typeof inner !== "string") throw new PatternError(`${path} must be a string`);
    const lower = inner.toLowerCase();
    return (value) =>
      typeof value === "string" &&
      (operator === "prefix" ? value.toLowerCase().startsWith(lower) : value.toLowerCase().endsWith(lower));
  }
  if (typeof operand !== "string") throw new PatternError(`${path} must be a string`);
  switch (operator) {
    case "prefix":
      return (value) => typeof value === "string" && value.startsWith(operand);
    case "suffix":
      return (value) => typeof value === "string" && value.endsWith(operand);
    case "equals-ignore-case": {
      const lower = operand.toLowerCase();
      return (value) => typeof value === "string" && value.toLowerCase() === lower;
    }
    case "wildcard":
      return compileWildcard(operand, path);
    default:
      return compileCidr(operand, path);
  }
}

function compileAnythingBut(operand: Json, path: string): (value: Json) => boolean {
  if (isObject(operand)) {
    const [operator, inner] = Object.entries(operand)[0] ?? [];
    const isKnown = ["prefix", "suffix", "equals-ignore-case", "wildcard"].includes(operator ?? "");
    if (!isKnown || operator === undefined || inner === undefined || Object.keys(operand).length !== 1) {
      throw new PatternError(`${path} does not know "${operator}"`);
    }
    const list = Array.isArray(inner) ? inner : [inner];
    if (list.length === 0) throw new PatternError(`${path}.${operator} must not be an empty array`);
    const tests = list.map((one) => compileText(operator, one, `${path}.${operator}`));
    return (value) => !tests.some((test) => test(value));
  }
  const list = Array.isArray(operand) ? operand : [operand];
  if (list.length === 0 || list.some((one) => typeof one !== "string" && typeof one !== "number")) {
    throw new PatternError(`${path} must be strings or numbers`);
  }
  return (value) => !list.includes(value);
}

const comparisons: Record<string, (value: number, bound: number) => boolean> = {
  "=": (value, bound) => value === bound,
  "<": (value, bound) => value < bound,
  "<=": (value, bound) => value <= bound,
  ">": (value, bound) => value > bound,
  ">=": (value, bound) => value >= bound,
};

function compileNumeric(operand: Json, path: string): (value: Json) => boolean {
  if (!Array.isArray(operand) || (operand.length !== 2 && operand.length !== 4)) {
    throw new PatternError(`${path} must be one or two comparisons, such as [">", 0, "<=", 5]`);
  }
  const tests: ((value: number) => boolean)[] = [];
  for (let i = 0; i < operand.length; i += 2) {
    const compare = comparisons[String(operand[i])];
    const bound = operand[i + 1];
    if (compare === undefined) throw new PatternError(`${path}: unrecognized numeric range operator: ${operand[i]}`);
    if (typeof bound !== "number") throw new PatternError(`${path}: value of ${operand[i]} must be numeric`);
    tests.push((value) => compare(value, bound));
  }
  if (operand.length === 4) checkRange(operand, path);
  return (value) => typeof value === "number" && tests.every((test) => test(value));
}

function checkRange(operand: Json[], path: string): void {
  const [first, low, second, high] = operand as [string, number, string, number];
  if (!first.startsWith(">") || !second.startsWith("<")) {
    throw new PatternError(`${path}: a range is a lower bound and then an upper bound`);
  }
  if (low >= high) throw new PatternError(`${path}: bottom must be less than top`);
}

/** `*` stands for any text, `\*` for itself. Compared piece by piece, so that no pattern can be slow. */
function compileWildcard(pattern: string, path: string): (value: Json) => boolean {
  if (pattern.includes("**")) throw new PatternError(`${path}: consecutive wildcard characters at "${pattern}"`);
  const pieces: string[] = [""];
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i] as string;
    if (character === "*") pieces.push("");
    else if (character === "\\") {
      const escaped = pattern[++i];
      if (escaped !== "*" && escaped !== "\\")
        throw new PatternError(`${path}: invalid escape character at "${pattern}"`);
      pieces[pieces.length - 1] += escaped;
    } else pieces[pieces.length - 1] += character;
  }
  if (pieces.length > mostWildcards) throw new PatternError(`${path} has more than ${mostWildcards} wildcards`);
  const [first = "", ...rest] = pieces;
  const last = rest.pop();
  return (value) => {
    if (typeof value !== "string") return false;
    if (last === undefined) return value === first;
    if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false;
    let at = first.length;
    const end = value.length - last.length;
    for (const piece of rest) {
      const found = value.indexOf(piece, at);
      if (found === -1 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return true;
  };
}

function compileCidr(operand: string, path: string): (value: Json) => boolean {
  const [address = "", bits = ""] = operand.split("/");
  const network = addressBits(address);
  const length = Number(bits);
  if (network === undefined || !/^\d+$/.test(bits) || length > network.length) {
    throw new PatternError(`${path}: malformed CIDR "${operand}"`);
  }
  return (value) => {
    const candidate = typeof value === "string" ? addressBits(value) : undefined;
    return candidate?.length === network.length && candidate.slice(0, length) === network.slice(0, length);
  };
}

/** An IPv4 or IPv6 address as text of 32 or 128 zeros and ones. */
function addressBits(address: string): string | undefined {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(address)) {
    const bytes = address.split(".").map(Number);
    return bytes.every((byte) => byte < 256)
      ? bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("")
      : undefined;
  }
  if (!/^[0-9a-f:]+$/i.test(address) || !address.includes(":")) return undefined;
  const [head = "", tail, ...more] = address.split("::");
  if (more.length > 0) return undefined;
  const left = head === "" ? [] : head.split(":");
  const right = tail ? tail.split(":") : [];
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...left, ...Array<string>(missing).fill("0"), ...right];
  if (groups.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, "0")).join("");
}

function isLeaf(value: Json | undefined): boolean {
  if (Array.isArray(value)) return value.some((element) => !isObject(element));
  return value !== undefined && !isObject(value);
}

function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
