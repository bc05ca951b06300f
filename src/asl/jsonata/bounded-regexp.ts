import { boundedExec } from "../bounded-regex.ts";

/** What JSONata uses in place of RegExp: the same matches, but no match may take longer than its limit. */
export class BoundedRegExp {
  private readonly expression: RegExp;

  constructor(source: RegExp) {
    this.expression = new RegExp(source.source, source.flags);
  }

  get lastIndex(): number {
    return this.expression.lastIndex;
  }

  set lastIndex(position: number) {
    this.expression.lastIndex = position;
  }

  exec(text: string): RegExpExecArray | null {
    return boundedExec(this.expression, text);
  }
}
