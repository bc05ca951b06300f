import type { Json } from "../../kit/json.ts";

/** An argument was not one that the function takes; `message` says which. */
export class IntrinsicError extends Error {}

/** States.Format: fills each `{}` of the template with the next value; `\{`, `\}`, `\'` and `\\` stand for themselves. */
export function formatTemplate(template: string, values: Json[]): string {
  let filled = "";
  let next = 0;
  for (let i = 0; i < template.length; i++) {
    const character = template[i] as string;
    if (character === "\\" && i + 1 < template.length) filled += template[++i];
    else if (character === "{" && template[i + 1] === "}") {
      if (next >= values.length) throw mismatch(values.length);
      filled += inJava(values[next++] as Json);
      i++;
    } else filled += character;
  }
  if (next !== values.length) throw mismatch(values.length);
  return filled;
}

function mismatch(count: number): IntrinsicError {
  return new IntrinsicError(`The number of placeholders does not fit the ${count} arguments after the template`);
}

/** Objects and lists look like Java's maps and lists, for AWS prints them so. */
function inJava(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(inJava).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    return `{${Object.entries(value)
      .map(([name, member]) => `${name}=${inJava(member)}`)
      .join(", ")}}`;
  }
  return String(value);
}
