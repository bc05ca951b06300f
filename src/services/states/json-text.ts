import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";

/** An execution's input; what is not JSON is refused in the words of the Java parser that AWS uses. */
export function parseInput(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new Fault("InvalidExecutionInput", `Invalid State Machine Execution Input: '${complaintAbout(text)}'`);
  }
}

const values = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

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
