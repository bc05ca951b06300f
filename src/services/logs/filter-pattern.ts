import { Fault } from "../../kit/fault.ts";

/**
 * Filter patterns of unstructured lines: every term must occur, `-term` must not, of `?term`s at least one; quotes hold a
 * term together. Patterns for JSON and for columns are refused by name.
 */
export function compilePattern(pattern: string): (message: string) => boolean {
  const text = pattern.trim();
  if (text === "") return () => true;
  if (text.startsWith("{") || text.startsWith("[") || text.startsWith("%")) {
    throw new Fault(
      "InvalidParameterException",
      `Invalid filter pattern: '${text.slice(0, 100)}' is a JSON, column or regular expression pattern, which Scones does not support (see COMPATIBILITY.md); use plain terms`,
    );
  }
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
