import { createHash } from "node:crypto";
import type jsonata from "jsonata";
import type { Random } from "../evaluation.ts";
import { seededRandom } from "../random.ts";
import { type Evaluation, evaluationName } from "./evaluation.ts";

/** Longest text $pad makes: what a state may hand on. */
const maxPaddedLength = 262_144;
/** Most members $range makes: where AWS refuses the range operator. */
const maxRangeMembers = 873_782;

/** The functions an expression can call without anybody assigning them. */
export const functionNames: ReadonlySet<string> = new Set([
  ...["abs", "append", "assert", "average", "boolean", "ceil", "clone", "contains", "count"],
  ...[
    "decodeUrl",
    "decodeUrlComponent",
    "distinct",
    "each",
    "encodeUrl",
    "encodeUrlComponent",
    "error",
    "exists",
    "filter",
  ],
  ...["floor", "formatBase", "formatInteger", "formatNumber", "fromMillis", "hash", "join", "keys", "length"],
  ...["lookup", "lowercase", "map", "match", "max", "merge", "millis", "min", "not"],
  ...["now", "number", "pad", "parse", "parseInteger", "partition", "power", "random", "range"],
  ...["reduce", "replace", "reverse", "round", "shuffle", "sift", "single", "sort", "split"],
  ...["spread", "sqrt", "string", "substring", "substringAfter", "substringBefore", "sum", "toMillis", "trim"],
  ...["type", "uppercase", "uuid", "zip"],
]);

type Focus = { environment: { lookup(name: string): unknown } };
interface NativeFunction {
  implementation(...args: unknown[]): unknown;
}

/**
 * The functions Step Functions adds, and those of the library that would read clock or randomness: these take both from the
 * step, so that the same step computes the same value. $eval does not exist.
 */
export function bindFunctions(expression: jsonata.Expression): void {
  expression.assign("eval", undefined);
  expression.registerFunction("partition", partition);
  expression.registerFunction("range", range);
  expression.registerFunction("hash", hash);
  expression.registerFunction("parse", parse);
  expression.registerFunction("pad", pad, "<s-ns?:s>");
  expression.registerFunction("random", function (this: Focus, seed?: unknown) {
    return typeof seed === "number" ? seededRandom(String(seed)).next() : randomOf(this).next();
  });
  expression.registerFunction("uuid", function (this: Focus) {
    return randomOf(this).uuid();
  });
  expression.registerFunction(
    "shuffle",
    function (this: Focus, list: unknown[]) {
      return shuffle(list, randomOf(this));
    },
    "<a:a>",
  );
  expression.registerFunction(
    "millis",
    function (this: Focus) {
      return evaluationOf(this).nowMs;
    },
    "<:n>",
  );
  expression.registerFunction(
    "now",
    function (this: Focus, picture?: unknown, timezone?: unknown) {
      const fromMillis = this.environment.lookup("fromMillis") as NativeFunction;
      return fromMillis.implementation(evaluationOf(this).nowMs, picture, timezone);
    },
    "<s?s?:s>",
  );
}

function evaluationOf(focus: Focus): Evaluation {
  return focus.environment.lookup(evaluationName) as Evaluation;
}

function randomOf(focus: Focus): Random {
  return evaluationOf(focus).random;
}

function partition(list: unknown, size: unknown): unknown {
  if (list === undefined || size === undefined) return undefined;
  const items = Array.isArray(list) ? list : [list];
  const length = Math.trunc(Number(size));
  if (!(length >= 1)) throw problem("T0410", "The second argument of $partition must be a positive number");
  return Array.from({ length: Math.ceil(items.length / length) }, (_, i) => items.slice(i * length, (i + 1) * length));
}

/** A sequence: a single member is that member. */
function range(first: unknown, last: unknown, step: unknown): unknown {
  if (first === undefined || last === undefined || step === undefined) return undefined;
  const [from, to, by] = [first, last, step].map((value) => Math.trunc(Number(value))) as [number, number, number];
  if (by === 0 || Number.isNaN(from + to + by))
    throw problem("T0410", "The arguments of $range must be numbers, the step not 0");
  const length = Math.max(0, Math.floor((to - from) / by) + 1);
  if (length > maxRangeMembers) throw problem("D2014", `A list must not have more than ${maxRangeMembers} members`);
  const members = Array.from({ length }, (_, i) => from + i * by);
  Object.defineProperty(members, "sequence", { value: true, enumerable: false });
  if (members.length === 1) return members[0];
  return members.length === 0 ? undefined : members;
}

function hash(data: unknown, algorithm: unknown): unknown {
  if (data === undefined) return undefined;
  const known = ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"];
  if (typeof algorithm !== "string" || !known.includes(algorithm)) {
    throw problem("T0410", `The second argument of $hash must be one of ${known.join(", ")}`);
  }
  const source = typeof data === "string" ? data : JSON.stringify(data);
  return createHash(algorithm.replace("-", "")).update(source).digest("hex");
}

function parse(text: unknown): unknown {
  if (text === undefined) return undefined;
  if (typeof text !== "string") throw problem("T0410", "The argument of $parse must be a string");
  try {
    return JSON.parse(text);
  } catch {
    throw problem("D3001", "The argument of $parse is not valid JSON");
  }
}

function pad(text: string | undefined, width: number, filler = " "): string | undefined {
  if (text === undefined) return undefined;
  if (Math.abs(width) > maxPaddedLength) throw problem("D3000", `$pad makes at most ${maxPaddedLength} characters`);
  const missing = Math.abs(width) - [...text].length;
  if (missing <= 0) return text;
  const characters = [...(filler === "" ? " " : filler)];
  const padding = Array.from({ length: missing }, (_, i) => characters[i % characters.length]).join("");
  return width > 0 ? text + padding : padding + text;
}

function shuffle(list: unknown[] | undefined, random: Random): unknown[] | undefined {
  if (list === undefined) return undefined;
  const shuffled = [...list];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
  }
  return shuffled;
}

/** The shape of the library's own errors. */
function problem(code: string, message: string): unknown {
  return { code, message };
}
