import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Json } from "../../kit/json.ts";
import type { Random } from "../evaluation.ts";
import { seededRandom } from "../random.ts";
import { formatTemplate, IntrinsicError } from "./format.ts";

export interface IntrinsicFunction {
  fewest: number;
  most: number;
  /** `raw` are the texts as written, where an argument was written as a text. */
  call(args: Json[], more: { raw: (string | undefined)[]; random: Random }): Json;
}

/** Longest text that the coding and hash functions take, as AWS documents it. */
const maxCodedLength = 10_000;
/** Most items States.ArrayRange makes, as AWS documents it. */
const maxRangeItems = 1_000;

export const intrinsicFunctions: ReadonlyMap<string, IntrinsicFunction> = new Map<string, IntrinsicFunction>([
  [
    "States.Format",
    { fewest: 1, most: 100, call: (args, { raw }) => formatTemplate(raw[0] ?? text(args, 0), args.slice(1)) },
  ],
  ["States.StringToJson", { fewest: 1, most: 1, call: (args) => parseJson(text(args, 0)) }],
  ["States.JsonToString", { fewest: 1, most: 1, call: (args) => JSON.stringify(args[0]) }],
  ["States.Array", { fewest: 0, most: Number.POSITIVE_INFINITY, call: (args) => args }],
  ["States.ArrayPartition", { fewest: 2, most: 2, call: (args) => partition(list(args, 0), rounded(args, 1)) }],
  [
    "States.ArrayContains",
    { fewest: 2, most: 2, call: (args) => list(args, 0).some((item) => isDeepStrictEqual(item, args[1])) },
  ],
  [
    "States.ArrayRange",
    { fewest: 3, most: 3, call: (args) => range(rounded(args, 0), rounded(args, 1), rounded(args, 2)) },
  ],
  ["States.ArrayGetItem", { fewest: 2, most: 2, call: (args) => itemAt(list(args, 0), rounded(args, 1)) }],
  ["States.ArrayLength", { fewest: 1, most: 1, call: (args) => list(args, 0).length }],
  ["States.ArrayUnique", { fewest: 1, most: 1, call: (args) => unique(list(args, 0)) }],
  ["States.Base64Encode", { fewest: 1, most: 1, call: (args) => Buffer.from(codedText(args)).toString("base64") }],
  ["States.Base64Decode", { fewest: 1, most: 1, call: (args) => decodeBase64(codedText(args)) }],
  ["States.Hash", { fewest: 2, most: 2, call: (args) => hash(args[0] as Json, text(args, 1)) }],
  ["States.JsonMerge", { fewest: 3, most: 3, call: merge }],
  ["States.MathRandom", { fewest: 2, most: 3, call: mathRandom }],
  ["States.MathAdd", { fewest: 2, most: 2, call: (args) => rounded(args, 0) + rounded(args, 1) + 0 }],
  ["States.StringSplit", { fewest: 2, most: 2, call: (args) => split(text(args, 0), text(args, 1)) }],
  ["States.UUID", { fewest: 0, most: 0, call: (_args, { random }) => random.uuid() }],
]);

function parseJson(source: string): Json {
  if (source.trim() === "") return null;
  try {
    const value = JSON.parse(source) as Json;
    return Object.is(value, -0) ? 0 : value;
  } catch {
    throw new IntrinsicError(`Invalid JSON provided: ${source}`);
  }
}

function partition(items: Json[], size: number): Json[] {
  if (size < 1) throw new IntrinsicError("The chunk size must be a positive number");
  const chunks: Json[] = [];
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size));
  return chunks;
}

/** Inclusive at both ends. */
function range(first: number, last: number, step: number): Json[] {
  if (step === 0) throw new IntrinsicError("The step of States.ArrayRange must not be 0");
  const count = Math.max(0, Math.floor((last - first) / step) + 1);
  if (count > maxRangeItems)
    throw new IntrinsicError(`States.ArrayRange must not make more than ${maxRangeItems} items`);
  return Array.from({ length: count }, (_, i) => first + i * step);
}

function itemAt(items: Json[], index: number): Json {
  const item = index < 0 ? undefined : items[index];
  if (item === undefined) throw new IntrinsicError(`Index ${index} is out of range for a list of ${items.length}`);
  return item;
}

/** Deep equality; the first of equal items stays. Primitive values are told apart by a set, so long lists stay cheap. */
function unique(items: Json[]): Json[] {
  const seen = new Set<Json>();
  const seenTexts = new Set<string>();
  return items.filter((item) => {
    if (item === null || typeof item !== "object") return !seen.has(item) && seen.add(item) !== undefined;
    const key = JSON.stringify(sortedMembers(item));
    return !seenTexts.has(key) && seenTexts.add(key) !== undefined;
  });
}

function sortedMembers(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortedMembers);
  if (value === null || typeof value !== "object") return value;
  const names = Object.keys(value).sort();
  return names.map((name) => [name, sortedMembers(value[name] as Json)] as Json);
}

function decodeBase64(coded: string): string {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(coded)) throw new IntrinsicError(`Invalid Base64 text: ${coded}`);
  return Buffer.from(coded, "base64").toString("utf8");
}

function hash(data: Json, algorithm: string): string {
  const known = ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"];
  if (!known.includes(algorithm))
    throw new IntrinsicError(`Unknown hash algorithm '${algorithm}', use one of ${known.join(", ")}`);
  const source = typeof data === "string" ? data : JSON.stringify(data);
  if (source.length > maxCodedLength) throw new IntrinsicError(`Only ${maxCodedLength} characters can be hashed`);
  return createHash(algorithm.replace("-", "")).update(source).digest("hex");
}

function merge(args: Json[]): Json {
  const [first, second, isDeep] = args;
  if (isDeep !== false) throw new IntrinsicError("Only shallow merging is supported: the third argument must be false");
  if (!isObject(first) || !isObject(second)) throw new IntrinsicError("States.JsonMerge takes two JSON objects");
  return { ...first, ...second };
}

function mathRandom(args: Json[], { random }: { random: Random }): Json {
  const start = rounded(args, 0);
  const end = rounded(args, 1);
  if (end <= start) throw new IntrinsicError("The end of States.MathRandom must be greater than its start");
  const source = args.length === 3 ? seededRandom(String(rounded(args, 2))) : random;
  return start + Math.floor(source.next() * (end - start));
}

/** The second argument is a set of delimiters, not a text; empty pieces are dropped, blank ones stay. */
function split(source: string, delimiters: string): Json[] {
  if (delimiters === "") return [source];
  const pieces: string[] = [];
  let piece = "";
  for (const character of source) {
    if (!delimiters.includes(character)) piece += character;
    else {
      pieces.push(piece);
      piece = "";
    }
  }
  return [...pieces, piece].filter((each) => each !== "");
}

function text(args: Json[], i: number): string {
  const value = args[i];
  if (typeof value !== "string")
    throw new IntrinsicError(`Argument ${i + 1} must be a string but was: ${JSON.stringify(value)}`);
  return value;
}

function codedText(args: Json[]): string {
  const value = text(args, 0);
  if (value.length > maxCodedLength)
    throw new IntrinsicError(`The text must not be longer than ${maxCodedLength} characters`);
  return value;
}

function list(args: Json[], i: number): Json[] {
  const value = args[i];
  if (!Array.isArray(value))
    throw new IntrinsicError(`Argument ${i + 1} must be an array but was: ${JSON.stringify(value)}`);
  return value;
}

/** Half up towards positive infinity, as Java rounds; never the negative zero. */
function rounded(args: Json[], i: number): number {
  const value = args[i];
  if (typeof value !== "number")
    throw new IntrinsicError(`Argument ${i + 1} must be a number but was: ${JSON.stringify(value)}`);
  return Math.round(value) + 0;
}

function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
