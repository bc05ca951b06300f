import type { Json } from "../../kit/json.ts";
import { type ParsedPath, parsePathAt } from "../paths/parse.ts";

/* A call such as `States.Format('{} of {}', $.a, States.MathAdd($.b, 1))`: text to a tree. */

export type Argument =
  | { type: "literal"; value: Json /** A text as written between its quotes, for States.Format. */; raw?: string }
  | { type: "path"; path: ParsedPath }
  | Call;

export interface Call {
  type: "call";
  name: string;
  arguments: Argument[];
  text: string;
}

export class IntrinsicSyntaxError extends Error {}

/** How deep calls may be nested, as AWS documents it. */
const maxNesting = 10;
/** What may be escaped inside quotes; anything else after a backslash is refused by AWS. */
const escapable = "'{}\\";

export function parseIntrinsic(text: string): Call {
  const reader = new IntrinsicReader(text);
  const call = reader.readCall(1);
  reader.skipBlanks();
  if (reader.position !== text.length) reader.fail("unexpected text");
  return call;
}

class IntrinsicReader {
  readonly text: string;
  position = 0;

  constructor(text: string) {
    this.text = text;
  }

  fail(what: string): never {
    throw new IntrinsicSyntaxError(`${what} at position ${this.position} of '${this.text}'`);
  }

  readCall(depth: number): Call {
    if (depth > maxNesting) this.fail(`calls may be nested ${maxNesting} deep;`);
    const start = this.position;
    const name = /^States\.[A-Za-z0-9]+/.exec(this.text.slice(start, start + 100))?.[0];
    if (name === undefined) this.fail("the name of an intrinsic function is missing");
    this.position += name.length;
    this.skipBlanks();
    if (this.text[this.position] !== "(") this.fail("'(' is missing");
    this.position++;
    const args = this.readArguments(depth);
    return { type: "call", name, arguments: args, text: this.text.slice(start, this.position) };
  }

  private readArguments(depth: number): Argument[] {
    const list: Argument[] = [];
    this.skipBlanks();
    if (this.text[this.position] === ")") {
      this.position++;
      return list;
    }
    while (true) {
      list.push(this.readArgument(depth));
      this.skipBlanks();
      const character = this.text[this.position++];
      if (character === ")") return list;
      if (character !== ",") this.fail("',' or ')' is missing");
      this.skipBlanks();
    }
  }

  private readArgument(depth: number): Argument {
    const character = this.text[this.position];
    if (character === "'") return this.readText();
    if (character === "$") {
      const { path, end } = parsePathAt(this.text, this.position);
      this.position = end;
      return { type: "path", path };
    }
    if (character === "S") return this.readCall(depth + 1);
    const word = /^(true|false|null|-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)(?=[\s,)])/.exec(
      this.text.slice(this.position),
    )?.[1];
    if (word === undefined) this.fail("an argument is not valid");
    this.position += word.length;
    return { type: "literal", value: /^[tfn]/.test(word) ? (JSON.parse(word) as Json) : Number(word) };
  }

  private readText(): Argument {
    const start = ++this.position;
    let value = "";
    for (; this.position < this.text.length; this.position++) {
      const character = this.text[this.position] as string;
      if (character === "'") {
        const raw = this.text.slice(start, this.position++);
        return { type: "literal", value, raw };
      }
      if (character === "\\") {
        const escaped = this.text[++this.position];
        if (escaped === undefined || !escapable.includes(escaped)) this.fail("an escape is not valid");
        value += escaped;
      } else {
        value += character;
      }
    }
    return this.fail("a quote is not closed");
  }

  skipBlanks(): void {
    while (/\s/.test(this.text[this.position] ?? "")) this.position++;
  }
}
