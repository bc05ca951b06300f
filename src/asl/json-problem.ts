import type { Diagnostic } from "./contract.ts";

/** How much of the text Jackson repeats in its message. */
const maxShown = 500;

/** A definition that is no JSON, told in the words of Jackson, the parser AWS uses. */
export function jsonProblem(text: string): Diagnostic {
  const { message, position } = describe(text);
  const before = text.slice(0, position);
  const line = before.split("\n").length;
  const column = position - before.lastIndexOf("\n");
  const shown =
    text.length > maxShown ? `${text.slice(0, maxShown)}"[truncated ${text.length - maxShown} chars]` : `${text}"`;
  const location = `[Source: (String)"${shown}; line: ${line}, column: ${column}]`;
  return { severity: "ERROR", code: "INVALID_JSON_DESCRIPTION", message: `${message}\n at ${location}`, location };
}

function describe(text: string): { message: string; position: number } {
  const start = errorPosition(text);
  if (start >= text.length) return { message: "Unexpected end-of-input", position: text.length };
  const tokenStart = start - (/[A-Za-z_$][\w$]*$/.exec(text.slice(0, start))?.[0].length ?? 0);
  const token = /^[A-Za-z_$][\w$]*/.exec(text.slice(tokenStart))?.[0];
  if (token !== undefined) {
    const expected = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
    return { message: `Unrecognized token '${token}': was expecting ${expected}`, position: tokenStart + token.length };
  }
  const character = text[start] as string;
  const message = `Unexpected character ('${character}' (code ${character.charCodeAt(0)}))`;
  return { message, position: start + 1 };
}

/** Where V8's parser gave up. */
function errorPosition(text: string): number {
  try {
    JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const position = /at position (\d+)/.exec(message)?.[1];
    if (position !== undefined) return Number(position);
    if (message.includes("end of JSON input")) return text.length;
    const character = /Unexpected token '?(.)/.exec(message)?.[1];
    return character === undefined ? 0 : Math.max(0, text.indexOf(character));
  }
  return 0;
}
