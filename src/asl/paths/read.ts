import type { Json } from "../../kit/json.ts";
import { testFilter } from "./filter.ts";
import { type ParsedPath, parsePath, type Segment } from "./parse.ts";

/** A definite path that led nowhere; `message` is Jayway's sentence, as AWS shows it. */
export class PathMiss extends Error {}

/** A path as a function of its root. */
export interface CompiledPath {
  readonly text: string;
  readonly root: ParsedPath["root"];
  readonly isDefinite: boolean;
  /** The value; undefined when a definite path names nothing. An indefinite path always answers a list. */
  find(root: Json): Json | undefined;
  /** The value, or a PathMiss. */
  read(root: Json): Json;
}

/** Compiles a text, or throws a PathSyntaxError. */
export function compilePath(text: string): CompiledPath {
  return compileParsedPath(parsePath(text));
}

export function compileParsedPath(path: ParsedPath): CompiledPath {
  const find = path.isDefinite ? definiteFinder(path) : (root: Json) => findAll(path.segments, root, root);
  return {
    text: path.text,
    root: path.root,
    isDefinite: path.isDefinite,
    find,
    read: (root) => {
      const value = find(root);
      if (value === undefined) throw new PathMiss(missMessage(path, root));
      return value;
    },
  };
}

function definiteFinder(path: ParsedPath): (root: Json) => Json | undefined {
  const steps = path.segments.map(definiteStep);
  if (steps.length === 0) return (root) => root;
  return (root) => {
    let value: Json | undefined = root;
    for (const step of steps) {
      value = step(value as Json);
      if (value === undefined) return undefined;
    }
    return value;
  };
}

function definiteStep(segment: Segment): (value: Json) => Json | undefined {
  if (segment.type === "indices") {
    const index = segment.indices[0] as number;
    return (value) => (Array.isArray(value) ? value.at(index) : undefined);
  }
  if (segment.type !== "keys") throw new Error(`a ${segment.type} is not definite`);
  const { names } = segment;
  const name = names[0] as string;
  if (names.length > 1) return (value) => pick(value, names);
  return (value) => member(value, name);
}

/** An own member of an object. A key applied to a list is a miss: there is no implicit mapping. */
function member(value: Json, name: string): Json | undefined {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function pick(value: Json, names: string[]): Json | undefined {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return undefined;
  return Object.fromEntries(
    names.filter((name) => Object.hasOwn(value, name)).map((name) => [name, value[name] as Json]),
  );
}

function findAll(segments: Segment[], start: Json, root: Json): Json[] {
  let found: Json[] = [start];
  segments.forEach((segment, i) => {
    const isLast = i === segments.length - 1;
    const from = segment.isDescending ? found.flatMap((value) => containersOf(value)) : found;
    const next: Json[] = [];
    for (const value of from) expand(segment, { value, root, isLast }, next);
    found = next;
  });
  return found;
}

/** Depth first, parents before children. */
function containersOf(value: Json, list: Json[] = []): Json[] {
  if (value !== null && typeof value === "object") {
    list.push(value);
    for (const child of Object.values(value)) containersOf(child, list);
  }
  return list;
}

function expand(segment: Segment, at: { value: Json; root: Json; isLast: boolean }, into: Json[]): undefined {
  const { value } = at;
  switch (segment.type) {
    case "keys":
      if (segment.names.length > 1 && at.isLast) return push(into, pick(value, segment.names));
      for (const name of segment.names) push(into, member(value, name));
      return;
    case "indices":
      if (Array.isArray(value)) for (const index of segment.indices) push(into, value.at(index));
      return;
    case "wildcard":
      if (value !== null && typeof value === "object") for (const child of Object.values(value)) into.push(child);
      return;
    case "slice":
      if (Array.isArray(value)) into.push(...sliced(value, segment));
      return;
    case "filter":
      return expandFilter(segment, at, into);
    default:
      segment satisfies never;
  }
}

function expandFilter(segment: Segment & { type: "filter" }, at: { value: Json; root: Json }, into: Json[]): undefined {
  const readFrom = (path: ParsedPath, start: Json) => compileParsedPath(path).find(start);
  // A filter on an object tests that object; on a list it tests every member.
  const candidates = Array.isArray(at.value) ? at.value : [at.value];
  for (const item of candidates) {
    if (testFilter(segment.filter, { item, root: at.root, read: readFrom })) into.push(item);
  }
}

/** Visits from..to-1 and resolves each negative position from the end, as Jayway does. */
function sliced(list: Json[], { from, to }: { from: number | undefined; to: number | undefined }): Json[] {
  const { length } = list;
  if (from === undefined) return list.slice(0, to);
  if (to === undefined) return list.slice(from < 0 ? Math.max(0, length + from) : from);
  const found: Json[] = [];
  for (let position = Math.max(from, -length); position < Math.min(to, length); position++)
    push(found, list.at(position));
  return found;
}

function push(into: Json[], value: Json | undefined): undefined {
  if (value !== undefined) into.push(value);
}

function missMessage(path: ParsedPath, root: Json): string {
  let value: Json | undefined = root;
  let place = "$";
  for (const [i, segment] of path.segments.entries()) {
    place +=
      segment.type === "keys"
        ? `[${segment.names.map((name) => `'${name}'`).join(",")}]`
        : `[${(segment as { indices: number[] }).indices[0]}]`;
    value = definiteStep(segment)(value as Json);
    if (value !== undefined) continue;
    const isLast = i === path.segments.length - 1;
    return `Invalid path '${path.text}' : ${isLast ? "No results for path:" : "Missing property in path"} ${place}`;
  }
  return `Invalid path '${path.text}' : No results for path: $`;
}
