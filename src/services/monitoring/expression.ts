import { invalidRequest } from "./faults.ts";

/** Metric math as a tree. */
export type Expression =
  | { kind: "number"; value: number }
  | { kind: "text"; value: string }
  | { kind: "reference"; id: string }
  | { kind: "call"; name: string; given: Expression[] }
  | { kind: "list"; elements: Expression[] }
  | { kind: "negative"; operand: Expression }
  | { kind: "operation"; operator: Operator; left: Expression; right: Expression };

export type Operator = "||" | "&&" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "+" | "-" | "*" | "/" | "^";

/** Loosest first; `^` is the only one that binds to the right. */
const precedence: Operator[][] = [["||"], ["&&"], ["==", "!=", "<", "<=", ">", ">="], ["+", "-"], ["*", "/"], ["^"]];
/** Parentheses and calls inside each other: far more than anybody writes, far fewer than a stack holds. */
const deepest = 50;

const token =
  /\s*(?:(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)|([A-Za-z_][\w]*)|"([^"]*)"|'([^']*)'|(\|\||&&|==|!=|<=|>=|[-+*/^<>(),[\]]))/iy;

type Token =
  | { kind: "number"; value: number }
  | { kind: "name"; text: string }
  | { kind: "text"; value: string }
  | { kind: "sign"; text: string };

export function parseExpression(text: string): Expression {
  const tokens = tokensOf(text);
  let at = 0;
  let depth = 0;

  const fail = (): never => {
    throw invalidRequest(`Error in expression '${text}': Syntax error near "${text.slice(0, 40)}", token ${at + 1}.`);
  };
  const isSign = (sign: string) => {
    const next = tokens[at];
    return next?.kind === "sign" && next.text === sign;
  };
  const take = (sign: string): boolean => {
    if (!isSign(sign)) return false;
    at++;
    return true;
  };
  const need = (sign: string): void => {
    if (!take(sign)) fail();
  };
  /** AND and OR may be written as words. */
  const operatorAt = (level: number): Operator | undefined => {
    const next = tokens[at];
    if (next === undefined || (next.kind !== "sign" && next.kind !== "name")) return undefined;
    const word = next.text.toUpperCase();
    const sign = word === "AND" ? "&&" : word === "OR" ? "||" : next.text;
    return precedence[level]?.find((operator) => operator === sign);
  };

  function operation(level: number): Expression {
    if (level === precedence.length) return unary();
    let left = operation(level + 1);
    for (let operator = operatorAt(level); operator !== undefined; operator = operatorAt(level)) {
      at++;
      const right = operator === "^" ? operation(level) : operation(level + 1);
      left = { kind: "operation", operator, left, right };
    }
    return left;
  }

  function unary(): Expression {
    if (++depth > deepest)
      throw invalidRequest(`Error in expression '${text.slice(0, 100)}': it is nested too deeply.`);
    const parsed: Expression = take("-") ? { kind: "negative", operand: unary() } : primary();
    depth--;
    return parsed;
  }

  function primary(): Expression {
    if (take("(")) {
      const inner = operation(0);
      need(")");
      return inner;
    }
    if (take("[")) return { kind: "list", elements: listed("]") };
    const next = tokens[at++];
    if (next?.kind === "number" || next?.kind === "text") return next;
    if (next?.kind !== "name") return fail();
    if (take("(")) {
      const name = next.text.toUpperCase();
      const given = listed(")");
      return { kind: "call", name, given: name === "FILL" ? given.map(fillWord) : given };
    }
    return { kind: "reference", id: next.text };
  }

  function listed(end: string): Expression[] {
    const elements: Expression[] = [];
    if (take(end)) return elements;
    do elements.push(operation(0));
    while (take(","));
    need(end);
    return elements;
  }

  const parsed = operation(0);
  return at === tokens.length ? parsed : fail();
}

/** What fills a gap may be said by a word, which is no id then. */
function fillWord(given: Expression, index: number): Expression {
  const isWord = index === 1 && given.kind === "reference" && /^(REPEAT|LINEAR)$/i.test(given.id);
  return isWord ? { kind: "text", value: given.id } : given;
}

/** The ids that an expression names. */
export function referencesOf(expression: Expression): string[] {
  switch (expression.kind) {
    case "reference":
      return [expression.id];
    case "call":
      return expression.given.flatMap(referencesOf);
    case "list":
      return expression.elements.flatMap(referencesOf);
    case "negative":
      return referencesOf(expression.operand);
    case "operation":
      return [...referencesOf(expression.left), ...referencesOf(expression.right)];
    default:
      return [];
  }
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const trimmed = text.trimEnd();
  token.lastIndex = 0;
  while (token.lastIndex < trimmed.length) {
    const start = token.lastIndex;
    const match = token.exec(trimmed);
    if (match === null)
      throw invalidRequest(`Error in expression '${text}': Unexpected character at position ${start + 1}.`);
    const [, number, name, double, single, sign] = match;
    if (number !== undefined) tokens.push({ kind: "number", value: Number(number) });
    else if (name !== undefined) tokens.push({ kind: "name", text: name });
    else if (sign !== undefined) tokens.push({ kind: "sign", text: sign });
    else tokens.push({ kind: "text", value: double ?? single ?? "" });
  }
  return tokens;
}
