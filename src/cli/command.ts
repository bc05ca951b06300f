import { parseArgs } from "node:util";
import type { Terminal } from "./terminal.ts";

/** A command as data: its help, its options and, loaded only when it is called, what it does. */
export interface Command {
  name: string;
  summary: string;
  /** Lines to copy, most useful first; shown before anything else in the help. */
  examples: string[];
  positionals?: { name: string; description: string; isRepeated?: boolean; isRequired?: boolean };
  options: Record<string, Option>;
  load: () => Promise<{ run: (invocation: Invocation) => Promise<number> }>;
}

export interface Option {
  type: "string" | "boolean";
  description: string;
  /** Name of the value in the help, such as `URL`. */
  value?: string;
  /** Shown in the help; the command itself applies it. */
  default?: string;
}

export interface Invocation {
  options: Record<string, string | boolean | undefined>;
  positionals: string[];
  terminal: Terminal;
  signal: AbortSignal;
}

export const exitCodes = { done: 0, failed: 1, wrongUse: 2, unreachable: 3, interrupted: 130 } as const;

/** The caller used the command line wrongly; the message says how to do it right. */
export class UsageError extends Error {}

export const commonOptions: Record<string, Option> = {
  json: { type: "boolean", description: "print the result as JSON on stdout" },
  help: { type: "boolean", description: "show this help" },
};

export const endpointOption: Record<string, Option> = {
  endpoint: {
    type: "string",
    value: "URL",
    description: "where Scones listens",
    default: "$AWS_ENDPOINT_URL or http://127.0.0.1:4566",
  },
};

/** Splits the arguments by the command's table. What follows `--` is positional. */
export function parseInvocation(command: Command, args: string[]): Pick<Invocation, "options" | "positionals"> {
  const options = Object.fromEntries(
    Object.entries({ ...command.options, ...commonOptions }).map(([name, option]) => [name, { type: option.type }]),
  );
  try {
    const parsed = parseArgs({ args, options, allowPositionals: command.positionals !== undefined, strict: true });
    if (command.positionals?.isRequired && parsed.positionals.length === 0 && parsed.values["help"] !== true) {
      throw new UsageError(`${command.name} needs ${command.positionals.name}: ${command.positionals.description}`);
    }
    if (!command.positionals?.isRepeated && parsed.positionals.length > 1)
      throw new UsageError(`${command.name} takes one ${command.positionals?.name}, not ${parsed.positionals.length}`);
    return { options: parsed.values as Invocation["options"], positionals: parsed.positionals };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${(error as Error).message.split(". To specify")[0]}; try: scones ${command.name} --help`);
  }
}

export function helpOf(command: Command): string {
  const positional = command.positionals
    ? ` ${command.positionals.isRequired ? "" : "["}${command.positionals.name}${command.positionals.isRepeated ? "..." : ""}${command.positionals.isRequired ? "" : "]"}`
    : "";
  const rows = Object.entries({ ...command.options, ...commonOptions }).map(([name, option]): [string, string] => [
    `--${name}${option.type === "string" ? ` ${option.value ?? "TEXT"}` : ""}`,
    `${option.description}${option.default === undefined ? "" : ` (default: ${option.default})`}`,
  ]);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    ...command.examples.map((example) => `  ${example}`),
    "",
    `scones ${command.name}${positional} [options]`,
    `  ${command.summary}`,
    ...(command.positionals ? [`  ${command.positionals.name}: ${command.positionals.description}`] : []),
    "",
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    "",
  ].join("\n");
}

/** A number option between two bounds, or a usage error that names it. */
export function numberOption(
  invocation: Pick<Invocation, "options">,
  name: string,
  bounds: { default: number; min: number; max: number },
): number {
  const text = invocation.options[name];
  if (text === undefined) return bounds.default;
  const value = Number(text);
  if (text === "" || !Number.isFinite(value) || value < bounds.min || value > bounds.max) {
    throw new UsageError(`--${name} must be a number from ${bounds.min} to ${bounds.max}, not "${text}"`);
  }
  return value;
}

/** A number option that counts something: no fractions. */
export function wholeNumberOption(
  invocation: Pick<Invocation, "options">,
  name: string,
  bounds: { default: number; min: number; max: number },
): number {
  const value = numberOption(invocation, name, bounds);
  if (!Number.isInteger(value)) throw new UsageError(`--${name} must be a whole number, not "${value}"`);
  return value;
}

export function textOption(invocation: Pick<Invocation, "options">, name: string): string | undefined {
  const value = invocation.options[name];
  return typeof value === "string" ? value : undefined;
}
