// Cuts one Python file with several handlers, as people paste them together, into one module for each.
//
// Module k is the text from the beginning of the file to the end of the k-th handler, so that it has every import and helper
// above it; earlier handlers of the same name, which Python would forget, are left out.

export interface HandlerPart {
  /** As in `module.NAME`. */
  handler: string;
  /** Of its `def`, from 1. */
  line: number;
  /** The whole module. */
  source: string;
  /** What it seems to do. */
  role: "serialize" | "classify" | "filter" | undefined;
}

export class SplitError extends Error {}

interface Definition {
  name: string;
  /** Of its first decorator or `def`, from 0; `end` is the first line after it. */
  start: number;
  end: number;
  defLine: number;
  isHandler: boolean;
}

export function splitHandlers(text: string): HandlerPart[] {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const definitions = topLevelFunctions(lines);
  const handlers = definitions.filter(({ isHandler }) => isHandler);
  if (handlers.length === 0) {
    throw new SplitError(
      "it has no handler: no top-level function whose name contains `handler`, or whose arguments are (event, context)",
    );
  }
  return handlers.map((handler) => {
    const shadowed = handlers.filter(({ name, start }) => name === handler.name && start < handler.start);
    const kept = lines.filter((_, i) => i < handler.end && !shadowed.some(({ start, end }) => i >= start && i < end));
    const own = lines.slice(handler.start, handler.end).join("\n");
    return {
      ...{ handler: handler.name, line: handler.defLine + 1, role: roleOf(own) },
      source: `${kept.join("\n").trimEnd()}\n`,
    };
  });
}

function topLevelFunctions(lines: readonly string[]): Definition[] {
  const isCode = codeLines(lines);
  const found: Definition[] = [];
  for (const [i, line] of lines.entries()) {
    const match = isCode[i] ? /^(?:async\s+)?def\s+(\w+)\s*\(([^)]*)/.exec(line) : undefined;
    if (!match) continue;
    let start = i;
    while (start > 0 && isCode[start - 1] && /^@/.test(lines[start - 1] ?? "")) start--;
    const [, name = "", parameters = ""] = match;
    const names = parameters.split(",").map((part) => part.trim().split(/[:=\s]/)[0]);
    const isHandler = /handler/i.test(name) || (names.length === 2 && names[0] === "event" && names[1] === "context");
    found.push({ name, start, end: endOfBlock(lines, isCode, i), defLine: i, isHandler });
  }
  return found;
}

/** The first line after the block that begins at `start`: code in the first column, blank lines and comments before it left out. */
function endOfBlock(lines: readonly string[], isCode: readonly boolean[], start: number): number {
  let end = start + 1;
  for (let i = start + 1; i < lines.length; i++) {
    const line = lines[i] ?? "";
    if (isCode[i] && /^[^\s#)\]}]/.test(line)) break;
    if (!isCode[i] || /^\s+\S|^[)\]}]/.test(line)) end = i + 1;
  }
  return end;
}

/** Whether each line begins in code, and not inside a text of three quotes. */
function codeLines(lines: readonly string[]): boolean[] {
  let open: { quote: string; line: number } | undefined;
  const isCode = lines.map((line, number) => {
    const beginsInCode = open === undefined;
    let i = 0;
    while (i < line.length) {
      if (open !== undefined) {
        const close = endOfText(line, i, open.quote);
        if (close === undefined) break;
        open = undefined;
        i = close;
      } else if (line[i] === "#") break;
      else if (line[i] === '"' || line[i] === "'") {
        const quote = line.startsWith((line[i] as string).repeat(3), i)
          ? (line[i] as string).repeat(3)
          : (line[i] as string);
        const close = endOfText(line, i + quote.length, quote);
        if (close === undefined && quote.length === 3) open = { quote, line: number + 1 };
        if (close === undefined) break;
        i = close;
      } else i++;
    }
    return beginsInCode;
  });
  if (open !== undefined) throw new SplitError(`it ends inside the text that begins on line ${open.line}`);
  return isCode;
}

/** Where a text goes on after its closing quote; undefined when it does not close on this line. */
function endOfText(line: string, from: number, quote: string): number | undefined {
  for (let i = from; i < line.length; i++) {
    if (line[i] === "\\") i++;
    else if (line.startsWith(quote, i)) return i + quote.length;
  }
  return undefined;
}

function roleOf(source: string): HandlerPart["role"] {
  if (/invoke_endpoint|\bPredictor\b|\.predict\(/.test(source)) return "classify";
  if (/download_file|get_object|\.Object\(|b64encode/.test(source)) return "serialize";
  if (/threshold|\braise\b/i.test(source)) return "filter";
  return undefined;
}
