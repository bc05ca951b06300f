/*
 * JSONPath as Jayway reads it (the States Language names Jayway as its reference): text to segments.
 * `$` is the data, `$$` the context object, `$name` a variable.
 */

export interface ParsedPath {
  text: string;
  root: "data" | "context" | { variable: string };
  segments: Segment[];
  /** Keys and single indices only: names one value or none. */
  isDefinite: boolean;
}

export type Segment = { isDescending: boolean } & (
  | { type: "keys"; names: string[] }
  | { type: "indices"; indices: number[] }
  | { type: "wildcard" }
  | { type: "slice"; from: number | undefined; to: number | undefined }
  | { type: "filter"; filter: Filter }
);

export type Filter =
  | { type: "and" | "or"; left: Filter; right: Filter }
  | { type: "not"; inner: Filter }
  | { type: "exists"; path: FilterPath }
  | { type: "compare"; operator: string; left: Operand; right: Operand };

export type Operand = { type: "literal"; value: unknown } | { type: "regex"; value: RegExp } | FilterPath;
export interface FilterPath {
  type: "path";
  isFromRoot: boolean;
  path: ParsedPath;
}

export class PathSyntaxError extends Error {}

/** Indices beyond 32 bit are refused, as a Java integer would. */
const maxIndex = 2 ** 31 - 1;
const maxFilterDepth = 64; // a filter is read recursively; nobody writes deeper ones

/** Reads a whole text as one path, or throws a PathSyntaxError. */
export function parsePath(text: string): ParsedPath {
  const reader = new PathReader(text);
  const path = reader.readPath("$");
  if (!reader.isAtEnd()) reader.fail("unexpected text");
  return path;
}

/** Reads the path that begins at `position` and ends before a blank, comma or closing parenthesis: an intrinsic's argument. */
export function parsePathAt(text: string, position: number): { path: ParsedPath; end: number } {
  const reader = new PathReader(text, position);
  const path = reader.readPath("$");
  return { path, end: reader.position };
}

const nameStop = new Set([..." .[](),'\"=!<>&|~+-*/?:{}@$\t\n"]);

class PathReader {
  readonly text: string;
  position: number;
  private depth = 0;

  constructor(text: string, position = 0) {
    this.text = text;
    this.position = position;
  }

  isAtEnd(): boolean {
    return this.position >= this.text.length;
  }

  fail(what: string): never {
    throw new PathSyntaxError(`${what} at position ${this.position} of '${this.text}'`);
  }

  readPath(sign: "$" | "@"): ParsedPath {
    const start = this.position;
    if (!this.skip(sign)) this.fail(`a path must begin with '${sign}'`);
    const root = sign === "$" ? this.readRoot() : "data";
    const segments: Segment[] = [];
    while (!this.isAtEnd()) {
      const segment = this.readSegment();
      if (segment === undefined) break;
      segments.push(segment);
    }
    const isDefinite = segments.every((segment, i) => isDefiniteSegment(segment, i === segments.length - 1));
    return { text: this.text.slice(start, this.position), root, segments, isDefinite };
  }

  private readRoot(): ParsedPath["root"] {
    if (this.skip("$")) return "context";
    const name = /^[\p{L}_][\p{L}\p{N}_]*/u.exec(this.text.slice(this.position, this.position + 100))?.[0];
    if (name === undefined) return "data";
    this.position += name.length;
    return { variable: name };
  }

  private readSegment(): Segment | undefined {
    if (this.skip("..")) {
      if (this.peek() === "[") return { ...this.readBrackets(), isDescending: true };
      return { ...this.readNameOrWildcard(), isDescending: true };
    }
    if (this.skip(".")) return { ...this.readNameOrWildcard(), isDescending: false };
    if (this.peek() === "[") return { ...this.readBrackets(), isDescending: false };
    return undefined;
  }

  private readNameOrWildcard(): Segment {
    if (this.skip("*")) return { type: "wildcard", isDescending: false };
    const start = this.position;
    while (!this.isAtEnd() && !this.isNameStop()) this.position++;
    if (this.position === start) this.fail("a name is missing");
    if (this.peek() === "(") this.fail("functions in paths are not supported;");
    return { type: "keys", names: [this.text.slice(start, this.position)], isDescending: false };
  }

  /** Dashes are part of names (`$.input-value`), blanks inside filters are not. */
  private isNameStop(): boolean {
    const character = this.peek();
    return nameStop.has(character) && character !== "-";
  }

  private readBrackets(): Segment {
    this.skip("[");
    this.skipBlanks();
    const segment = this.readInsideBrackets();
    this.skipBlanks();
    if (!this.skip("]")) this.fail("']' is missing");
    return segment;
  }

  private readInsideBrackets(): Segment {
    const character = this.peek();
    if (this.skip("*")) return { type: "wildcard", isDescending: false };
    if (character === "?") return this.readFilterSegment();
    if (character === "'" || character === '"')
      return { type: "keys", names: this.readList(() => this.readQuoted()), isDescending: false };
    if (character === ":") return this.readSlice(undefined);
    const first = this.readInteger();
    this.skipBlanks();
    if (this.peek() === ":") return this.readSlice(first);
    const indices = [first];
    while (this.skipComma()) indices.push(this.readInteger());
    return { type: "indices", indices, isDescending: false };
  }

  private readSlice(from: number | undefined): Segment {
    this.skip(":");
    this.skipBlanks();
    const to = this.peek() === "]" ? undefined : this.readInteger();
    if (from === undefined && to === undefined) this.fail("a slice needs a bound");
    return { type: "slice", from, to, isDescending: false };
  }

  private readList<T>(readOne: () => T): T[] {
    const list = [readOne()];
    while (this.skipComma()) list.push(readOne());
    return list;
  }

  private readInteger(): number {
    const text = /^-?\d+/.exec(this.text.slice(this.position, this.position + 24))?.[0];
    if (text === undefined) this.fail("an index is missing");
    const value = Number(text);
    if (Math.abs(value) > maxIndex) this.fail("an index is too large");
    this.position += text.length;
    return value;
  }

  private readQuoted(): string {
    const quote = this.peek();
    if (quote !== "'" && quote !== '"') this.fail("a quoted name is missing");
    let value = "";
    for (this.position++; !this.isAtEnd(); this.position++) {
      const character = this.peek();
      if (character === quote) {
        this.position++;
        return value;
      }
      const next = this.text[this.position + 1];
      // A backslash before anything but a backslash or this kind of quote stands for itself.
      if (character === "\\" && (next === "\\" || next === quote)) this.position++;
      value += this.peek();
    }
    return this.fail("a quote is not closed");
  }

  private readFilterSegment(): Segment {
    this.skip("?");
    this.skipBlanks();
    if (!this.skip("(")) this.fail("'(' is missing");
    const filter = this.readOr();
    this.skipBlanks();
    if (!this.skip(")")) this.fail("')' is missing");
    return { type: "filter", filter, isDescending: false };
  }

  private readOr(): Filter {
    if (++this.depth > maxFilterDepth) this.fail("the filter is nested too deeply");
    let left = this.readAnd();
    while (this.skipAfterBlanks("||")) left = { type: "or", left, right: this.readAnd() };
    this.depth--;
    return left;
  }

  private readAnd(): Filter {
    let left = this.readTerm();
    while (this.skipAfterBlanks("&&")) left = { type: "and", left, right: this.readTerm() };
    return left;
  }

  private readTerm(): Filter {
    if (++this.depth > maxFilterDepth) this.fail("the filter is nested too deeply");
    const term = this.readTermInside();
    this.depth--;
    return term;
  }

  private readTermInside(): Filter {
    this.skipBlanks();
    if (this.peek() === "!" && this.text[this.position + 1] !== "=") {
      this.skip("!");
      return { type: "not", inner: this.readTerm() };
    }
    if (this.skip("(")) {
      const inner = this.readOr();
      this.skipBlanks();
      if (!this.skip(")")) this.fail("')' is missing");
      return inner;
    }
    return this.readComparison();
  }

  private readComparison(): Filter {
    const left = this.readOperand();
    this.skipBlanks();
    const operator = /^(==|!=|<=|>=|=~|<|>|in\b|nin\b)/.exec(this.text.slice(this.position, this.position + 4))?.[0];
    if (operator !== undefined) {
      this.position += operator.length;
      this.skipBlanks();
      return { type: "compare", operator, left, right: this.readOperand() };
    }
    if (left.type !== "path") this.fail("an operator is missing");
    return { type: "exists", path: left };
  }

  private readOperand(): Operand {
    const character = this.peek();
    if (character === "@") return { type: "path", isFromRoot: false, path: this.readPath("@") };
    if (character === "$") return { type: "path", isFromRoot: true, path: this.readPath("$") };
    if (character === "/") return this.readRegex();
    return { type: "literal", value: this.readLiteral() };
  }

  private readLiteral(): unknown {
    this.skipBlanks();
    const character = this.peek();
    if (character === "'" || character === '"') return this.readQuoted();
    if (this.skip("[")) {
      this.skipBlanks();
      if (this.skip("]")) return [];
      const list = this.readList(() => this.readLiteral());
      this.skipBlanks();
      if (!this.skip("]")) this.fail("']' is missing");
      return list;
    }
    const word = /^(true|false|null|-?\d+(\.\d+)?([eE][+-]?\d+)?)/.exec(
      this.text.slice(this.position, this.position + 40),
    )?.[0];
    if (word === undefined) this.fail("a value is missing");
    this.position += word.length;
    return JSON.parse(word.replace(/^(-?)0+(?=\d)/, "$1"));
  }

  private readRegex(): Operand {
    const match = /^\/((?:[^/\\]|\\.)+)\/(i?)/.exec(this.text.slice(this.position));
    if (match === null) this.fail("a regular expression is not closed");
    this.position += match[0].length;
    try {
      return { type: "regex", value: new RegExp(`^(?:${match[1]})$`, match[2]) };
    } catch {
      return this.fail("the regular expression is not valid");
    }
  }

  private peek(): string {
    return this.text[this.position] ?? "";
  }

  private skip(expected: string): boolean {
    if (!this.text.startsWith(expected, this.position)) return false;
    this.position += expected.length;
    return true;
  }

  private skipBlanks(): void {
    while (this.peek() === " ") this.position++;
  }

  private skipAfterBlanks(expected: string): boolean {
    this.skipBlanks();
    return this.skip(expected);
  }

  private skipComma(): boolean {
    this.skipBlanks();
    if (!this.skip(",")) return false;
    this.skipBlanks();
    return true;
  }
}

/** Several keys at the end name one object made of them; anywhere else they name several values. */
function isDefiniteSegment(segment: Segment, isLast: boolean): boolean {
  if (segment.isDescending) return false;
  if (segment.type === "keys") return segment.names.length === 1 || isLast;
  return segment.type === "indices" && segment.indices.length === 1;
}
