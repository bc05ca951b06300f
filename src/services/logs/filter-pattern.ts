import { columnPattern } from "./column-pattern.ts";
import { jsonPattern } from "./json-pattern.ts";
import { invalidPattern, type LineFilter } from "./line-filter.ts";

/**
 * Filter patterns: `{ $.level = "ERROR" }` for JSON, `[ip, user, status = 4*]` for columns, terms for everything else. Of terms
 * each must occur, `-term` must not, of `?term`s at least one; quotes hold a term together. Regular expressions are refused
 * by name: one from a stranger can keep a processor busy for ever.
 */
export function compilePattern(pattern: string): LineFilter {
  const text = pattern.trim();
  if (text === "") return () => true;
  if (text.startsWith("{")) return jsonPattern(text);
  if (text.startsWith("[")) return columnPattern(text);
  if (/(^|\s)[?-]?%/.test(text)) {
    throw invalidPattern(text, "regular expressions are not supported by Scones (see COMPATIBILITY.md); use terms");
  }
  return termPattern(text);
}

function termPattern(text: string): LineFilter {
  const terms = [...text.matchAll(/([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))/g)].map(([, sign, quoted, plain]) => ({
    sign,
    term: quoted === undefined ? (plain ?? "") : quoted.replaceAll(/\\(.)/g, "$1"),
  }));
  const withSign = (wanted: string) => terms.filter(({ sign }) => sign === wanted).map(({ term }) => term);
  const [all, none, some] = [withSign(""), withSign("-"), withSign("?")];
  return (message) =>
    all.every((term) => message.includes(term)) &&
    !none.some((term) => message.includes(term)) &&
    (some.length === 0 || some.some((term) => message.includes(term)));
}
