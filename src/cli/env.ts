import { type ClientVariables, clientVariables } from "./client-variables.ts";
import { exitCodes, type Invocation, textOption, UsageError } from "./command.ts";

export async function run(invocation: Invocation): Promise<number> {
  const { terminal } = invocation;
  const name = textOption(invocation, "shell") ?? "sh";
  const shell = Object.hasOwn(shells, name) ? shells[name as keyof typeof shells] : undefined;
  if (shell === undefined) throw new UsageError(`--shell must be ${Object.keys(shells).join(", ")}, not "${name}"`);
  const variables = await clientVariables(invocation);
  terminal.json(variables.set);
  if (!terminal.isJson) for (const line of linesFor(shell, variables)) terminal.print(line);
  return exitCodes.done;
}

interface Shell {
  set(name: string, value: string): string;
  unset(name: string): string;
}

const shells = {
  sh: {
    set: (name, value) => `export ${name}='${value.replaceAll("'", "'\\''")}'`,
    unset: (name) => `unset ${name}`,
  },
  fish: {
    set: (name, value) => `set -gx ${name} '${value.replaceAll(/['\\]/g, "\\$&")}'`,
    unset: (name) => `set -e ${name}`,
  },
  powershell: {
    set: (name, value) => `$env:${name} = '${value.replaceAll("'", "''")}'`,
    unset: (name) => `Remove-Item Env:${name}`,
  },
} satisfies Record<string, Shell>;

function linesFor(shell: Shell, { set, unset }: ClientVariables): string[] {
  return [...unset.map((name) => shell.unset(name)), ...Object.entries(set).map((pair) => shell.set(...pair))];
}
