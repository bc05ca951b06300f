import { createContext, Script } from "node:vm";

/*
 * A regular expression of a workflow may need exponential time on a hostile text, and nothing in JavaScript interrupts it but the
 * vm module. Expressions that can go wrong (an unbounded repetition on a text of some length) are therefore matched under a limit.
 */

/** Longest time one match may take: far above any honest match of 256 KiB, short enough not to be felt. */
const maxMatchMs = 100;
/** Texts below this length are matched directly unless repetitions are nested or repeated. */
const shortTextLength = 64;

const place = createContext(Object.create(null));
const script = new Script("expression.exec(text)");

export class RegexTooSlow extends Error {}

/** `expression.exec(text)`, given up after a tenth of a second. */
export function boundedExec(expression: RegExp, text: string): RegExpExecArray | null {
  const repetitions = expression.source.match(/[*+]|\{\d+,\d*\}/g)?.length ?? 0;
  if (repetitions === 0 || (repetitions === 1 && text.length <= shortTextLength)) return expression.exec(text);
  place["expression"] = expression;
  place["text"] = text;
  try {
    return script.runInContext(place, { timeout: maxMatchMs }) as RegExpExecArray | null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
    throw new RegexTooSlow(`the regular expression /${expression.source}/ needs more than ${maxMatchMs} ms`);
  } finally {
    place["expression"] = undefined;
    place["text"] = undefined;
  }
}
