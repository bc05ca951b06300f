import { createHash } from "node:crypto";

/** Draws numbers that follow from a seed: the same seed, the same definition. For tests. */
export interface Dice {
  /** From 0 to below `limit`. */
  upTo(limit: number): number;
  oneOf<T>(things: readonly T[]): T;
  chance(percent: number): boolean;
}

export function dice(seed: string): Dice {
  let count = 0;
  const next = (): number => createHash("sha256").update(`${seed}#${count++}`).digest().readUInt32LE(0);
  const upTo = (limit: number): number => next() % limit;
  return {
    upTo,
    oneOf: <T>(things: readonly T[]) => things[upTo(things.length)] as T,
    chance: (percent) => upTo(100) < percent,
  };
}

type Fields = Record<string, unknown>;

/**
 * A definition of states of all kinds, nested, in either query language. What flows is `{n, list}` and what was added to it;
 * every state leads forwards, so that every execution ends.
 */
export function randomDefinition(seed: string): Fields {
  const random = dice(seed);
  const language = random.oneOf(["JSONPath", "JSONata"] as const);
  const top = scope(random, { language, depth: 0, prefix: "" });
  const limit = random.chance(10) ? { TimeoutSeconds: 40 } : {};
  return { ...top, QueryLanguage: language, ...limit };
}

interface Place {
  language: "JSONPath" | "JSONata";
  depth: number;
  prefix: string;
}

const kinds = ["Pass", "Task", "Task", "Task", "Choice", "Wait", "Parallel", "Map"] as const;

function scope(random: Dice, place: Place): Fields {
  const count = 2 + random.upTo(place.depth === 0 ? 5 : 3);
  const names = Array.from({ length: count }, (_, index) => `${place.prefix}S${index}`);
  const states: Fields = {};
  for (const [index, name] of names.entries()) {
    const later = names.slice(index + 1);
    states[name] = later.length === 0 ? last(random, place, name) : state(random, place, { name, later });
  }
  return { StartAt: names[0], States: states };
}

function last(random: Dice, place: Place, name: string): Fields {
  if (random.chance(10)) return { Type: "Fail", Error: "Given.Up", Cause: name };
  if (random.chance(30)) return { Type: "Succeed" };
  return { ...task(random, place, name), End: true };
}

function state(random: Dice, place: Place, { name, later }: { name: string; later: string[] }): Fields {
  const kind = random.oneOf(place.depth < 2 ? kinds : kinds.slice(0, 6));
  const next = { Next: later[0] }; // Choices and catchers jump further: every state can be reached.
  const isPath = place.language === "JSONPath";
  const inner = (part: string) => scope(random, { ...place, depth: place.depth + 1, prefix: `${name}${part}` });
  const careful = { ...retry(random), ...handler(random, place, later) };
  switch (kind) {
    case "Pass":
      return { Type: "Pass", ...added(random, place), ...next };
    case "Task":
      return { ...task(random, place, name), ...careful, ...next };
    case "Wait":
      return { Type: "Wait", Seconds: random.upTo(4), ...next };
    case "Choice": {
      const limit = random.upTo(30);
      const rule = isPath
        ? { Variable: "$.n", NumericGreaterThan: limit }
        : { Condition: `{% $states.input.n > ${limit} %}` };
      return { Type: "Choice", Choices: [{ ...rule, Next: random.oneOf(later) }], Default: later[0] };
    }
    case "Parallel": {
      const Branches = Array.from({ length: 1 + random.upTo(3) }, (_, index) => inner(`b${index}`));
      return { Type: "Parallel", Branches, ...kept(place, "parallel"), ...careful, ...next };
    }
    case "Map": {
      const items = isPath
        ? { ItemsPath: "$.list", ItemSelector: { "n.$": "$$.Map.Item.Value", list: [1, 2] } }
        : {
            Items: "{% $states.input.list %}",
            ItemSelector: { n: "{% $states.context.Map.Item.Value %}", list: [1, 2] },
          };
      const most = { MaxConcurrency: random.upTo(3) };
      return {
        Type: "Map",
        ItemProcessor: inner("i"),
        ...items,
        ...most,
        ...kept(place, "mapped"),
        ...careful,
        ...next,
      };
    }
    default:
      return kind satisfies never;
  }
}

/** The function answers `{n, list}`. */
function task(random: Dice, { language }: Place, name: string): Fields {
  const limit = random.chance(25) ? { TimeoutSeconds: 1 + random.upTo(8) } : {};
  const common = { Type: "Task", Resource: "arn:aws:lambda:us-east-1:000000000000:function:f", ...limit };
  return language === "JSONPath"
    ? { ...common, Parameters: { state: name, "n.$": "$.n" } }
    : { ...common, Arguments: { state: name, n: "{% $states.input.n %}" } };
}

function added(random: Dice, { language, depth }: Place): Fields {
  const more = random.upTo(9);
  const variable = `v${depth}`; // An inner scope must not assign what an outer one does.
  if (language === "JSONata") {
    return {
      Output: `{% $merge([$states.input, {"n": $states.input.n + ${more}}]) %}`,
      Assign: { [variable]: "{% $states.input.n %}" },
    };
  }
  const Parameters = { "n.$": `States.MathAdd($.n, ${more})`, "list.$": "$.list" };
  return { Parameters, Assign: { [`${variable}.$`]: "$.n" } };
}

/** What branches or iterations answered stands beside what was there. */
function kept({ language }: Place, name: string): Fields {
  if (language === "JSONPath") return { ResultPath: `$.${name}` };
  return { Output: `{% $merge([$states.input, {"${name}": $states.result}]) %}` };
}

function retry(random: Dice): Fields {
  if (random.chance(40)) return {};
  const retrier = { IntervalSeconds: 1 + random.upTo(3), MaxAttempts: 1 + random.upTo(3), BackoffRate: 1.5 };
  return { Retry: [{ ErrorEquals: [random.oneOf(["Flaky", "States.ALL", "States.Timeout"])], ...retrier }] };
}

function handler(random: Dice, { language }: Place, later: string[]): Fields {
  if (random.chance(50)) return {};
  const caught =
    language === "JSONPath"
      ? { ResultPath: "$.caught" }
      : { Output: '{% $merge([$states.input, {"caught": $states.errorOutput}]) %}' };
  return { Catch: [{ ErrorEquals: ["States.ALL"], Next: random.oneOf(later), ...caught }] };
}
