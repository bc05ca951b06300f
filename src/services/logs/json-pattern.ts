import type { Json } from "../../kit/json.ts";
import { type Comparison, compare, invalidPattern, type LineFilter } from "./line-filter.ts";

type Test = (line: Json) => boolean;
type Step = string | number | "*";

/** As CloudWatch Logs: 1,024 characters hold no more than some hundred of them. */
const deepest = 50;
const token =
  /\s*(?:(\$(?:\.[\w-]+|\.\*|\[(?:\d+|\*|"[^"]*"|'[^']*')\])*)|(&&|\|\||!=|<=|>=|[=<>(){}])|"((?:[^"\\]|\\.)*)"|([^\s"=<>(){}&|!]+))/y;

interface Token {
  kind: "selector" | "sign" | "text" | "word";
  text: string;
}

/** `{ ($.level = "ERROR" || $.status >= 500) && $.user.id EXISTS }`. A line that is no JSON object matches none of them. */
export function jsonPattern(pattern: string): LineFilter {
  const tokens = tokensOf(pattern);
  let at = 0;
  let depth = 0;
  const fail = (): never => {
    throw invalidPattern(pattern, `it cannot be read from its ${at + 1}. word on`);
  };
  const isNext = (kind: Token["kind"], text: string) =>
    tokens[at]?.kind === kind && tokens[at]?.text.toUpperCase() === text;
  const take = (kind: Token["kind"], text: string): boolean => {
    if (!isNext(kind, text)) return false;
    at++;
    return true;
  };
  const need = (kind: Token["kind"], text: string): void => {
    if (!take(kind, text)) fail();
  };

  function either(): Test {
    const tests = [both()];
    while (take("sign", "||")) tests.push(both());
    return (line) => tests.some((test) => test(line));
  }

  function both(): Test {
    const tests = [one()];
    while (take("sign", "&&")) tests.push(one());
    return (line) => tests.every((test) => test(line));
  }

  function one(): Test {
    if (take("sign", "(")) {
      if (++depth > deepest) throw invalidPattern(pattern, "it is nested too deeply");
      const inner = either();
      need("sign", ")");
      depth--;
      return inner;
    }
    const selector = tokens[at++];
    if (selector?.kind !== "selector") return fail();
    const steps = stepsOf(selector.text);
    const some =
      (test: (value: Json) => boolean): Test =>
      (line) =>
        valuesAt(line, steps).some(test);
    if (take("word", "EXISTS")) return some(() => true);
    if (take("word", "NOT")) {
      need("word", "EXISTS");
      return (line) => valuesAt(line, steps).length === 0;
    }
    if (take("word", "IS")) {
      const word = tokens[at++]?.text.toUpperCase();
      if (word === "NULL") return some((value) => value === null);
      if (word === "TRUE" || word === "FALSE") return some((value) => value === (word === "TRUE"));
      return fail();
    }
    return comparisonTest(some);
  }

  function comparisonTest(some: (test: (value: Json) => boolean) => Test): Test {
    const [sign, operand] = [tokens[at++], tokens[at++]];
    if (sign?.kind !== "sign" || !/^(=|!=|<|<=|>|>=)$/.test(sign.text)) return fail();
    if (operand?.kind !== "text" && operand?.kind !== "word") return fail();
    const comparison: Comparison = { operator: sign.text as Comparison["operator"], operand: operand.text };
    return some((value) => {
      if (typeof value === "boolean") return compare(comparison, String(value));
      return (typeof value === "string" || typeof value === "number") && compare(comparison, value);
    });
  }

  need("sign", "{");
  const test = either();
  need("sign", "}");
  if (at !== tokens.length) fail();
  return (message) => {
    const line = parsed(message);
    return line !== undefined && test(line);
  };
}

function parsed(message: string): Json | undefined {
  if (!message.trimStart().startsWith("{")) return undefined;
  try {
    return JSON.parse(message) as Json;
  } catch {
    return undefined;
  }
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  const text = pattern.trimEnd();
  for (token.lastIndex = 0; token.lastIndex < text.length; ) {
    const match = token.exec(text);
    if (match === null) throw invalidPattern(pattern, `it cannot be read after its ${tokens.length}. word`);
    const [, selector, sign, quoted, word] = match;
    if (selector !== undefined) tokens.push({ kind: "selector", text: selector });
    else if (sign !== undefined) tokens.push({ kind: "sign", text: sign });
    else if (quoted !== undefined) tokens.push({ kind: "text", text: quoted.replaceAll(/\\(.)/g, "$1") });
    else tokens.push({ kind: "word", text: word ?? "" });
  }
  return tokens;
}

function stepsOf(selector: string): Step[] {
  return [...selector.matchAll(/\.([\w-]+|\*)|\[(\d+)\]|\[\*\]|\["([^"]*)"\]|\['([^']*)'\]/g)].map(
    ([, name, index, double, single]) => (index === undefined ? (name ?? double ?? single ?? "*") : Number(index)),
  );
}

/** `*` leads to all that is inside. */
function valuesAt(line: Json, steps: readonly Step[]): Json[] {
  return steps.reduce<Json[]>((values, step) => values.flatMap((value) => inside(value, step)), [line]);
}

function inside(value: Json, step: Step): Json[] {
  if (typeof value !== "object" || value === null) return [];
  if (step === "*") return Object.values(value);
  if (Array.isArray(value)) return typeof step === "number" && step < value.length ? [value[step] as Json] : [];
  return Object.hasOwn(value, step) ? [value[step] as Json] : [];
}
