import { setMaxListeners } from "node:events";
import { clientConfig, silenceSdkAdvice } from "../config.ts";
import { type Command, exitCodes, helpOf, parseInvocation, textOption } from "./command.ts";
import { commands } from "./commands.ts";
import { explain } from "./explain-error.ts";
import { terminal } from "./terminal.ts";

/** Runs `scones ARGS`; answers the exit code. The first Ctrl-C asks the command to end, the second ends the process. */
export async function main(args: string[]): Promise<number> {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosedPipe);
  const [name = "help", ...rest] = args;
  if (name === "--version") {
    process.stdout.write(`${(await import("./version.ts")).version()}\n`);
    return exitCodes.done;
  }
  if (name === "help" || name === "--help" || name === "-h") {
    const topic = commands.find((command) => command.name === rest[0]);
    process.stdout.write(topic ? helpOf(topic) : overview());
    return exitCodes.done;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (!command) {
    const near = nearestTo(name);
    const advice = near ? `; did you mean "${near.name}"? All commands: scones help\n` : `\n\n${overview()}`;
    process.stderr.write(`scones: there is no command "${name}"${advice}`);
    return exitCodes.wrongUse;
  }
  return runCommand(command, rest);
}

async function runCommand(command: Command, args: string[]): Promise<number> {
  const interruption = new AbortController();
  setMaxListeners(0, interruption.signal); // every request in flight listens to it
  const interrupt = (): void => {
    if (interruption.signal.aborted) process.exit(exitCodes.interrupted);
    interruption.abort();
  };
  silenceSdkAdvice();
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  let endpointUrl = clientConfig().endpointUrl;
  try {
    const { options, positionals } = parseInvocation(command, args);
    endpointUrl = textOption({ options }, "endpoint") ?? endpointUrl;
    if (options["help"]) {
      process.stdout.write(helpOf(command));
      return exitCodes.done;
    }
    const { run } = await command.load();
    const output = terminal({
      isJson: options["json"] === true,
      stdout: process.stdout,
      stderr: process.stderr,
      now: () => Date.now(),
    });
    return await run({ options, positionals, terminal: output, signal: interruption.signal });
  } catch (error) {
    if (interruption.signal.aborted) return exitCodes.interrupted;
    const { message, exitCode } = explain(error, endpointUrl);
    process.stderr.write(`scones: ${message}\n`);
    return exitCode;
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

/** Whoever reads us may have seen enough (`scones watch | head`): what is left to say goes nowhere, what is left to do is done. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") throw error;
}

function overview(): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  return [
    "Scones: the machine-learning workflow that speaks AWS, on your own machine.",
    "",
    "  scones demo                 the whole workflow, end to end",
    "  scones up                   the server alone; then any AWS client",
    "",
    ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`),
    "",
    "Help on one command: scones COMMAND --help",
    "",
  ].join("\n");
}

function nearestTo(name: string): Command | undefined {
  return commands.find((command) => command.name.startsWith(name.slice(0, 3)) || distance(command.name, name) <= 2);
}

/** Levenshtein's edit distance. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
