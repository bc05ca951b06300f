import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";

/** As deep as the Java parser that AWS uses goes by default; the language's own walks over a value need far less stack than there is. */
const maxDepth = 1_000;

export const tooDeepText = `Document nesting depth (${maxDepth + 1}) exceeds the maximum allowed (${maxDepth})`;

/** Whether lists and objects of a JSON text are nested deeper than executions carry. */
export function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
    else if (character === '"') at = endOfString(text, at);
    if (depth > maxDepth) return true;
  }
  return false;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '"') return at;
    if (text[at] === "\\") at += 1;
  }
  return text.length;
}

/** AWS's limit of an execution's input and a task's output. The wire counts characters; what they take in UTF-8 counts as well. */
const maxDataBytes = 262_144;

export function checkDataSize(text: string, member: string): void {
  if (text.length * 3 <= maxDataBytes || Buffer.byteLength(text) <= maxDataBytes) return;
  throw new Fault(
    "ValidationException",
    `1 validation error detected: Value at '${member}' failed to satisfy constraint: Member must have length less than or equal to ${maxDataBytes}`,
  );
}

/** An execution's input; what is not JSON is refused in the words of the Java parser that AWS uses. */
export function parseInput(text: string): Json {
  checkDataSize(text, "input");
  if (isTooDeep(text)) throw refused(tooDeepText);
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw refused(complaintAbout(text));
  }
}

const values = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

function refused(complaint: string): Fault {
  return new Fault("InvalidExecutionInput", `Invalid State Machine Execution Input: '${complaint}'`);
}

function complaintAbout(text: string): string {
  const start = text.search(/\S/);
  if (start === -1) return "Invalid execution input.";
  const word = /^[A-Za-z_$][\w$]*/.exec(text.slice(start))?.[0];
  if (word !== undefined) return `Unrecognized token '${word}': was expecting ${values}`;
  const name = /^\{\s*([^"}\s])/.exec(text.slice(start))?.[1];
  if (name !== undefined) {
    return `Unexpected character ('${name}' (code ${name.codePointAt(0)})): was expecting double-quote to start field name`;
  }
  return "Invalid execution input.";
}
