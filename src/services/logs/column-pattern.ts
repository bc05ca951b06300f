import { type Comparison, compare, invalidPattern, type LineFilter } from "./line-filter.ts";

/** One name of a column pattern; `undefined` where anything may stand. */
type Column = { kind: "any number" } | { kind: "one"; test: ((value: string) => boolean) | undefined };

/** `[ip, user, ..., status = 4* || status = 5*, size > 1000]`: a line's words, or what quotes and brackets hold together. */
export function columnPattern(pattern: string): LineFilter {
  if (!pattern.endsWith("]")) throw invalidPattern(pattern, "its last character must be ]");
  const columns = splitOutsideQuotes(pattern.slice(1, -1), ",").map((text) => columnOf(text.trim(), pattern));
  const dots = columns.findIndex(({ kind }) => kind === "any number");
  if (columns.filter(({ kind }) => kind === "any number").length > 1) {
    throw invalidPattern(pattern, "three dots may stand in it once");
  }
  const fits = (given: readonly Column[], values: readonly string[]) =>
    given.every((column, index) => column.kind !== "one" || (column.test?.(values[index] as string) ?? true));
  return (message) => {
    const values = wordsOf(message);
    if (dots === -1) return values.length === columns.length && fits(columns, values);
    const after = columns.slice(dots + 1);
    if (values.length < columns.length - 1) return false;
    return fits(columns.slice(0, dots), values) && fits(after, values.slice(values.length - after.length));
  };
}

function columnOf(text: string, pattern: string): Column {
  if (text === "...") return { kind: "any number" };
  if (/^[\w$.-]*$/.test(text)) return { kind: "one", test: undefined };
  // && binds closer than ||.
  const tests = splitOutsideQuotes(text, "||").map((part) =>
    splitOutsideQuotes(part, "&&").map((condition) => conditionOf(condition.trim(), pattern)),
  );
  return { kind: "one", test: (value) => tests.some((all) => all.every((condition) => compare(condition, value))) };
}

function conditionOf(text: string, pattern: string): Comparison {
  const match = /^[\w$.-]+\s*(=|!=|<=|>=|<|>)\s*(?:"([^"]*)"|(\S+))$/.exec(text);
  if (match === null) throw invalidPattern(pattern, `"${text}" is no name and no condition such as status = 404`);
  return { operator: match[1] as Comparison["operator"], operand: match[2] ?? match[3] ?? "" };
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let part = "";
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '"') isQuoted = !isQuoted;
    if (!isQuoted && text.startsWith(separator, i)) {
      parts.push(part);
      part = "";
      i += separator.length - 1;
    } else part += text[i];
  }
  return [...parts, part];
}

function wordsOf(message: string): string[] {
  return [...message.matchAll(/"([^"]*)"|\[([^\]]*)\]|(\S+)/g)].map(([, quoted, bracketed, plain]) => {
    return quoted ?? bracketed ?? plain ?? "";
  });
}
