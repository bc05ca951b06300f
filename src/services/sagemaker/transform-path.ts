import type { Json } from "../../kit/json.ts";
import { invalid } from "./resource-names.ts";

/*
 * The part of JSONPath that DataProcessing takes: `$`, `.name`, `['a','b']`, `*`, `[i,j]` (negative from the end), `[a:b]`.
 * One name or index gives its value; several names give an object of them, several places give a list.
 */

export type RecordPath = readonly Step[];

type Step =
  | { type: "names"; names: string[] }
  | { type: "places"; places: number[] }
  | { type: "slice"; from?: number; to?: number }
  | { type: "all" };

const step =
  /^(?:\.?\[\s*(\*|-?\d+(?:\s*,\s*-?\d+)*|-?\d*\s*:\s*-?\d*|'[^']*'(?:\s*,\s*'[^']*')*|"[^"]*"(?:\s*,\s*"[^"]*")*)\s*\]|\.(\*|[A-Za-z_][\w-]*))/;

/** `undefined` for `$`, which changes nothing. */
export function parseRecordPath(text: string | undefined, member: string): RecordPath | undefined {
  if (text === undefined || text === "" || text === "$") return undefined;
  const wrong = invalid(`DataProcessing.${member} "${text}" is not a JSONPath of the supported form.`);
  if (!text.startsWith("$")) throw wrong;
  const steps: Step[] = [];
  for (let rest = text.slice(1); rest !== ""; ) {
    const match = step.exec(rest);
    if (match === null) throw wrong;
    steps.push(match[2] === undefined ? bracketStep(match[1] as string) : nameStep(match[2]));
    rest = rest.slice(match[0].length);
  }
  return steps;
}

/** `undefined` where the record has nothing of that name or place. */
export function select(value: Json | undefined, path: RecordPath): Json | undefined {
  return path.reduce<Json | undefined>(applyStep, value);
}

function nameStep(name: string): Step {
  return name === "*" ? { type: "all" } : { type: "names", names: [name] };
}

function bracketStep(text: string): Step {
  if (text === "*") return { type: "all" };
  if (/^['"]/.test(text)) {
    return { type: "names", names: [...text.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, one, two]) => one ?? two ?? "") };
  }
  if (!text.includes(":")) return { type: "places", places: text.split(",").map(Number) };
  const [from = "", to = ""] = text.split(":").map((part) => part.trim());
  return { type: "slice", ...(from === "" ? {} : { from: Number(from) }), ...(to === "" ? {} : { to: Number(to) }) };
}

function applyStep(value: Json | undefined, one: Step): Json | undefined {
  switch (one.type) {
    case "all":
      return isObject(value) ? Object.values(value) : value;
    case "names": {
      if (!isObject(value)) return undefined;
      const [first = ""] = one.names;
      if (one.names.length === 1) return value[first];
      return Object.fromEntries(one.names.filter((name) => name in value).map((name) => [name, value[name] as Json]));
    }
    case "places": {
      if (!Array.isArray(value)) return undefined;
      const found = one.places.map((place) => value.at(place));
      return one.places.length === 1 ? found[0] : found.filter((item) => item !== undefined);
    }
    case "slice":
      return Array.isArray(value) ? value.slice(one.from, one.to) : undefined;
  }
}

function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
