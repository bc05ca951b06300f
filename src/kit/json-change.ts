import type { Json } from "./json.ts";

/*
 * What has changed between two JSON values that share what has not: the later one was made from the earlier one by copying
 * only what it touched, so equal references are skipped without a look inside. As JSON itself, to be written down.
 */

/** `v`: another value. `o`: members that changed, and `d` those that are gone. `n`: a list's length, and `a` its places that changed. */
export type Change =
  | { v: Json }
  | { o: { [name: string]: Change }; d?: string[] }
  | { n: number; a: [index: number, change: Change][] };

/** Deeper than this values are replaced whole: comparing what does not share anything costs more than writing it. */
const maxDepth = 5;

/** `undefined` when nothing has. */
export function changeOf(before: Json | undefined, after: Json, depth = 0): Change | undefined {
  if (before === after) return undefined;
  if (!isContainer(before) || !isContainer(after) || depth === maxDepth) return { v: after };
  if (Array.isArray(before)) return Array.isArray(after) ? changeOfList(before, after, depth) : { v: after };
  return Array.isArray(after) ? { v: after } : changeOfObject(before, after, depth);
}

function changeOfObject(
  before: { [name: string]: Json },
  after: { [name: string]: Json },
  depth: number,
): Change | undefined {
  const members: { [name: string]: Change } = {};
  let hasChanged = false;
  for (const name in after) {
    const value = after[name];
    if (value === undefined || before[name] === value) continue;
    if (name === "__proto__") return { v: after }; // No member that can be assigned.
    const change = changeOf(before[name], value, depth + 1);
    if (change === undefined) continue;
    members[name] = change;
    hasChanged = true;
  }
  let gone: string[] | undefined;
  for (const name in before) {
    if (before[name] === undefined || (Object.hasOwn(after, name) && after[name] !== undefined)) continue;
    gone ??= [];
    gone.push(name);
  }
  if (!hasChanged && gone === undefined) return undefined;
  return gone === undefined ? { o: members } : { o: members, d: gone };
}

function changeOfList(before: Json[], after: Json[], depth: number): Change | undefined {
  const places: [number, Change][] = [];
  for (let index = 0; index < after.length; index++) {
    const value = after[index];
    if (value === undefined || before[index] === value) continue; // A place not yet filled is no change.
    const change = changeOf(before[index], value, depth + 1);
    if (change !== undefined) places.push([index, change]);
  }
  return places.length === 0 && before.length === after.length ? undefined : { n: after.length, a: places };
}

/** The later value; the earlier one stays as it is. */
export function applyChange(before: Json | undefined, change: Change): Json {
  if ("v" in change) return change.v;
  if ("n" in change) {
    const list = Array.isArray(before) ? before.slice(0, change.n) : [];
    while (list.length < change.n) list.push(null);
    for (const [index, one] of change.a) list[index] = applyChange(list[index], one);
    return list;
  }
  const object = isContainer(before) && !Array.isArray(before) ? { ...before } : {};
  for (const name of change.d ?? []) delete object[name];
  for (const [name, one] of Object.entries(change.o)) object[name] = applyChange(object[name], one);
  return object;
}

function isContainer(value: Json | undefined): value is Json[] | { [name: string]: Json } {
  return typeof value === "object" && value !== null;
}
