import type { Json } from "../kit/json.ts";
import type { Environment } from "./evaluation.ts";
import { runtimeFailure } from "./failure.ts";
import { type CompiledPath, compilePath } from "./paths/read.ts";
import { findPath } from "./paths/root.ts";
import { parseTimestamp } from "./time.ts";

/** A condition of a JSONPath Choice. */
export type Test = (environment: Environment) => boolean;
type Compare = (value: Json, expected: Json) => boolean;

const orders: Record<string, (order: number) => boolean> = {
  Equals: (order) => order === 0,
  LessThan: (order) => order < 0,
  GreaterThan: (order) => order > 0,
  LessThanEquals: (order) => order <= 0,
  GreaterThanEquals: (order) => order >= 0,
};

/** Operators that compare with a value; each also exists with `Path` appended. A mismatch of types is false, never an error. */
const comparisons = new Map<string, Compare>([
  ["BooleanEquals", (value, expected) => typeof value === "boolean" && value === expected],
]);
for (const [suffix, fits] of Object.entries(orders)) {
  comparisons.set(`String${suffix}`, (value, expected) => fits(orderOf(textOf(value), textOf(expected))));
  comparisons.set(`Numeric${suffix}`, (value, expected) => fits(orderOf(numberOf(value), numberOf(expected))));
  comparisons.set(`Timestamp${suffix}`, (value, expected) => fits(orderOf(instantOf(value), instantOf(expected))));
}

/** Operators that ask what a value is; their own value says which answer is wanted. */
const questions = new Map<string, (value: Json) => boolean>([
  ["IsNull", (value) => value === null],
  ["IsNumeric", (value) => typeof value === "number"],
  ["IsString", (value) => typeof value === "string"],
  ["IsBoolean", (value) => typeof value === "boolean"],
  ["IsTimestamp", (value) => instantOf(value) !== undefined],
]);

/** Every member of a rule that is an operator. */
export const choiceOperators: ReadonlySet<string> = new Set([
  ...["And", "Or", "Not", "IsPresent", "StringMatches"],
  ...questions.keys(),
  ...[...comparisons.keys()].flatMap((name) => [name, `${name}Path`]),
]);

/** Compiles a rule of Choices; the validator has already seen that it has one operator. */
export function compileRule(rule: { [name: string]: Json }): Test {
  const operator = Object.keys(rule).find((name) => choiceOperators.has(name));
  if (operator === undefined) throw new Error("a choice rule without operator passed the validator");
  const operand = rule[operator] as Json;
  if (operator === "Not") {
    const inner = compileRule(operand as { [name: string]: Json });
    return (environment) => !inner(environment);
  }
  if (operator === "And" || operator === "Or") {
    const tests = (operand as { [name: string]: Json }[]).map(compileRule);
    if (operator === "And") return (environment) => tests.every((test) => test(environment));
    return (environment) => tests.some((test) => test(environment));
  }
  return compileTest(operator, operand, compilePath(rule["Variable"] as string));
}

function compileTest(operator: string, operand: Json, path: CompiledPath): Test {
  if (operator === "IsPresent") return (environment) => (findPath(path, environment) !== undefined) === operand;
  const question = questions.get(operator);
  if (question !== undefined) return (environment) => question(variable(path, environment)) === operand;
  if (operator === "StringMatches") {
    const matches = wildcardMatcher(operand as string);
    return (environment) => {
      const value = variable(path, environment);
      return typeof value === "string" && matches(value);
    };
  }
  const compare = comparisons.get(operator);
  if (compare !== undefined) return (environment) => compare(variable(path, environment), operand);
  const compareWithPath = comparisons.get(operator.slice(0, -"Path".length)) as Compare;
  const other = compilePath(operand as string);
  return (environment) => compareWithPath(variable(path, environment), variable(other, environment));
}

function variable(path: CompiledPath, environment: Environment): Json {
  const value = findPath(path, environment);
  if (value !== undefined) return value;
  throw runtimeFailure(`Invalid path '${path.text}': The choice state's condition path references an invalid value.`);
}

function orderOf<T extends string | number>(left: T | undefined, right: T | undefined): number {
  if (left === undefined || right === undefined) return Number.NaN;
  return left < right ? -1 : left > right ? 1 : 0;
}

const textOf = (value: Json) => (typeof value === "string" ? value : undefined);
const numberOf = (value: Json) => (typeof value === "number" ? value : undefined);
const instantOf = (value: Json) => (typeof value === "string" ? parseTimestamp(value) : undefined);

/** `*` stands for any text, `\*` and `\\` for themselves. Greedy with one way back, so it never takes more than n·m steps. */
function wildcardMatcher(pattern: string): (text: string) => boolean {
  const tokens = [...pattern.matchAll(/\\([*\\])|(\*)|([\s\S])/g)].map((match) => ({
    isWildcard: match[2] !== undefined,
    character: match[1] ?? match[3],
  }));
  return (text) => {
    let token = 0;
    let position = 0;
    let wildcard = -1;
    let resumeAt = 0;
    while (position < text.length) {
      if (tokens[token]?.isWildcard) {
        wildcard = token++;
        resumeAt = position;
      } else if (token < tokens.length && tokens[token]?.character === text[position]) {
        token++;
        position++;
      } else if (wildcard >= 0) {
        token = wildcard + 1;
        position = ++resumeAt;
      } else return false;
    }
    return tokens.slice(token).every(({ isWildcard }) => isWildcard);
  };
}
