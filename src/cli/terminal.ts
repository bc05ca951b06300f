import { styleText } from "node:util";
import { isInteractive } from "../config.ts";

/**
 * Where a command speaks: results on stdout, everything else on stderr. On a terminal the line of a running step is
 * redrawn in place; elsewhere every line is plain and whole, and nothing is redrawn.
 */
export interface Terminal {
  isJson: boolean;
  /** A line of the result; silent with --json. */
  print(line: string): void;
  /** The result itself; only with --json. */
  json(value: unknown): void;
  /** A line beside the result. */
  note(line: string): void;
  /** Says what a running step is doing now; at most ten times a second on a terminal, every few seconds elsewhere. */
  progress(line: string): void;
  /** Runs a step: its name, then its time and result, or its failure. */
  step<T>(name: string, work: () => Promise<T>, describe: (value: T) => string): Promise<T>;
  /** A whole screen to draw on again and again; absent where results are not read on a terminal. */
  screen(): Screen | undefined;
  style(style: Parameters<typeof styleText>[0], text: string): string;
}

export interface Screen {
  draw(lines: readonly string[]): void;
  /** Gives the terminal back as it was. */
  close(): void;
}

interface Output {
  isTTY?: boolean;
  rows?: number;
  write(text: string): unknown;
}

export function terminal(options: { isJson: boolean; stdout: Output; stderr: Output; now: () => number }): Terminal {
  const { isJson, stdout, stderr, now } = options;
  const isLive = isInteractive(stderr);
  const redrawEveryMs = isLive ? 100 : 5_000;
  let lastProgressAt = 0;
  let isProgressShown = false;

  function clearProgress(): void {
    if (isProgressShown) stderr.write("\r\u001b[2K");
    isProgressShown = false;
  }

  function note(line: string): void {
    clearProgress();
    stderr.write(`${line}\n`);
  }

  // With --json stdout carries the one JSON value, so what people would read there goes to stderr.
  function print(line: string): void {
    if (isJson) note(line);
    else {
      clearProgress();
      stdout.write(`${line}\n`);
    }
  }

  function progress(line: string): void {
    if (now() - lastProgressAt < redrawEveryMs) return;
    lastProgressAt = now();
    if (isLive) {
      stderr.write(`\r\u001b[2K    ${line.slice(0, 150)}`);
      isProgressShown = true;
    } else note(`    ${line}`);
  }

  const isColoured = isInteractive(isJson ? stderr : stdout);
  const style: Terminal["style"] = (kind, text) => (isColoured ? styleText(kind, text) : text);

  async function step<T>(name: string, work: () => Promise<T>, describe: (value: T) => string): Promise<T> {
    const startedAt = now();
    lastProgressAt = isLive ? 0 : startedAt;
    if (isLive) progress(`${name} ...`);
    else note(`${name} ...`);
    const seconds = (): string => `${((now() - startedAt) / 1000).toFixed(1)} s`;
    try {
      const value = await work();
      note(`${style("green", "✓")} ${style("bold", name)}  ${describe(value)}  ${style("dim", seconds())}`);
      return value;
    } catch (error) {
      const ending = (error as Error).name === "AbortError" ? "interrupted" : "failed";
      note(`${style("red", "✗")} ${style("bold", name)} ${ending} after ${seconds()}`);
      throw error;
    }
  }

  function screen(): Screen | undefined {
    if (isJson || !isInteractive(stdout)) return undefined;
    stdout.write("\u001b[?1049h\u001b[?25l"); // the other screen, without a cursor
    return {
      draw: (lines) => {
        const shown = lines.slice(0, (stdout.rows ?? 24) - 1);
        stdout.write(`\u001b[H${shown.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`);
      },
      close: () => void stdout.write("\u001b[?25h\u001b[?1049l"),
    };
  }

  return {
    isJson,
    screen,
    print,
    json: (value) => void (isJson && stdout.write(`${JSON.stringify(value, null, 2)}\n`)),
    note,
    progress,
    step,
    style,
  };
}
