import { Fault } from "../kit/fault.ts";

/** A workflow as boxes and arrows: what to draw, not yet where. */
export interface GraphLevel {
  /** Unique in the whole picture. */
  id: string;
  startAt: string;
  states: GraphState[];
  edges: GraphEdge[];
}

export interface GraphState {
  /** A state's name is unique in a whole definition, so it is the identity as well. */
  name: string;
  type: string;
  /** What it does, such as `lambda: classify`. */
  detail: string;
  /** The branches of Parallel, the one processor of Map; empty otherwise. */
  children: GraphLevel[];
  isEnd: boolean;
  /** Inside of a distributed Map: its executions have histories of their own. */
  runsElsewhere: boolean;
}

export interface GraphEdge {
  from: string;
  /** A state's name, or undefined for the End of the level. */
  to: string | undefined;
  kind: "next" | "choice" | "default" | "catch" | "end";
  label?: string;
}

type Definition = Record<string, unknown>;

/** Deeper nesting than any engine accepts is refused before it is drawn. */
const deepest = 12;

export function graphModel(definition: unknown): GraphLevel {
  const value = typeof definition === "string" ? parsed(definition) : definition;
  return level(value, "root", { depth: 0, runsElsewhere: false });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Fault("InvalidDefinition", `the definition is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

interface Nesting {
  depth: number;
  runsElsewhere: boolean;
}

function level(value: unknown, id: string, nesting: Nesting): GraphLevel {
  const { depth } = nesting;
  if (depth > deepest) throw new Fault("InvalidDefinition", `the definition nests deeper than ${deepest} levels`);
  const { StartAt, States } = isObject(value) ? value : {};
  if (typeof StartAt !== "string" || !isObject(States)) {
    throw new Fault("InvalidDefinition", `a workflow needs StartAt and States (at ${id})`);
  }
  const states = Object.entries(States).map(([name, state]) =>
    graphState(name, isObject(state) ? state : {}, { parent: id, ...nesting }),
  );
  const edges = Object.entries(States).flatMap(([name, state]) => edgesOf(name, isObject(state) ? state : {}));
  const known = new Set(states.map((state) => state.name));
  // A definition that is still being written may point nowhere; the rest is drawn all the same.
  return { id, startAt: StartAt, states, edges: edges.filter((edge) => edge.to === undefined || known.has(edge.to)) };
}

function graphState(
  name: string,
  state: Definition,
  { parent, depth, runsElsewhere }: Nesting & { parent: string },
): GraphState {
  const type = typeof state["Type"] === "string" ? state["Type"] : "?";
  const processor = state["ItemProcessor"] ?? state["Iterator"];
  const branches =
    type === "Parallel" && Array.isArray(state["Branches"])
      ? state["Branches"]
      : type === "Map" && processor !== undefined
        ? [processor]
        : [];
  return {
    name,
    type,
    detail: detailOf(type, state),
    children: branches.map((branch, i) =>
      level(branch, `${parent}/${name}#${i}`, {
        depth: depth + 1,
        runsElsewhere: runsElsewhere || isDistributed(state),
      }),
    ),
    isEnd: endsHere(type, state),
    runsElsewhere,
  };
}

function edgesOf(name: string, state: Definition): GraphEdge[] {
  const edges: GraphEdge[] = [];
  const type = state["Type"] as string;
  if (typeof state["Next"] === "string") edges.push({ from: name, to: state["Next"], kind: "next" });
  if (type === "Choice") {
    for (const rule of listOf(state["Choices"])) {
      if (typeof rule["Next"] === "string")
        edges.push({ from: name, to: rule["Next"], kind: "choice", label: ruleText(rule) });
    }
    if (typeof state["Default"] === "string")
      edges.push({ from: name, to: state["Default"], kind: "default", label: "Default" });
  }
  for (const catcher of listOf(state["Catch"])) {
    const errors = Array.isArray(catcher["ErrorEquals"]) ? catcher["ErrorEquals"].join(", ") : "";
    if (typeof catcher["Next"] === "string")
      edges.push({ from: name, to: catcher["Next"], kind: "catch", label: `Catch ${errors}` });
  }
  if (endsHere(type, state)) edges.push({ from: name, to: undefined, kind: "end" });
  return edges;
}

function endsHere(type: string, state: Definition): boolean {
  return state["End"] === true || type === "Succeed" || type === "Fail";
}

function detailOf(type: string, state: Definition): string {
  switch (type) {
    case "Task":
      return taskText(state);
    case "Wait":
      return waitText(state);
    case "Map":
      return `Map${isDistributed(state) ? ", distributed" : ""}${typeof state["MaxConcurrency"] === "number" && state["MaxConcurrency"] > 0 ? `, at most ${state["MaxConcurrency"]} at once` : ""}`;
    case "Fail":
      return typeof state["Error"] === "string" ? `Fail: ${state["Error"]}` : "Fail";
    default:
      return type;
  }
}

function isDistributed({ ItemProcessor: processor }: Definition): boolean {
  const config = isObject(processor) ? processor["ProcessorConfig"] : undefined;
  return isObject(config) && config["Mode"] === "DISTRIBUTED";
}

function taskText(state: Definition): string {
  const resource = typeof state["Resource"] === "string" ? state["Resource"] : "";
  const parameters = [state["Parameters"], state["Arguments"]].find(isObject) ?? {};
  if (/^arn:[^:]+:lambda:/.test(resource)) return `lambda: ${functionName(resource)}`;
  const service = resource.replace(/^arn:[^:]*:states:[^:]*:[^:]*:/, "");
  const name = parameters["FunctionName"];
  if (service.startsWith("lambda:invoke") && typeof name === "string") {
    return `lambda${service.slice("lambda:invoke".length)}: ${functionName(name)}`;
  }
  return service === "" ? "Task" : service;
}

/** Of a name or ARN, with or without qualifier. */
function functionName(text: string): string {
  const parts = text.split(":");
  return (parts[5] === "function" ? parts[6] : parts[0]) ?? text;
}

function waitText(state: Definition): string {
  if (state["Seconds"] !== undefined) return `Wait ${state["Seconds"]} s`;
  const until = state["Timestamp"] ?? state["TimestampPath"] ?? state["SecondsPath"];
  return until === undefined ? "Wait" : `Wait: ${until}`;
}

const comparisons: readonly [RegExp, string][] = [
  [/GreaterThanEquals/, "≥"],
  [/LessThanEquals/, "≤"],
  [/GreaterThan/, ">"],
  [/LessThan/, "<"],
  [/Equals/, "="],
  [/Matches/, "matches"],
];

/** A rule in the words of a reader: `$.confidence ≥ 0.93`. */
function ruleText(rule: Definition, depth = 0): string {
  if (depth > 3) return "…";
  if (typeof rule["Condition"] === "string")
    return rule["Condition"].replace(/^\{%\s*|\s*%\}$/g, "").replaceAll("$states.input.", "");
  if (isObject(rule["Not"])) return `not ${ruleText(rule["Not"], depth + 1)}`;
  for (const [name, word] of [
    ["And", " and "],
    ["Or", " or "],
  ] as const) {
    if (Array.isArray(rule[name]))
      return listOf(rule[name])
        .map((part) => ruleText(part, depth + 1))
        .join(word);
  }
  const operator = Object.keys(rule).find(
    (name) => !["Variable", "Next", "Comment", "Assign", "Output"].includes(name),
  );
  if (operator === undefined) return "";
  if (operator.startsWith("Is"))
    return `${rule["Variable"]} ${rule[operator] === false ? "is not" : "is"} ${operator.slice(2).toLowerCase()}`;
  const sign = comparisons.find(([pattern]) => pattern.test(operator))?.[1] ?? operator;
  return `${rule["Variable"]} ${sign} ${typeof rule[operator] === "string" && !operator.endsWith("Path") ? `"${rule[operator]}"` : rule[operator]}`;
}

function listOf(value: unknown): Definition[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isObject(value: unknown): value is Definition {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
