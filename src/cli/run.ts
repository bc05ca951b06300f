import { spawn } from "node:child_process";
import { inheritedEnvironment } from "../config.ts";
import { clientVariables } from "./client-variables.ts";
import { exitCodes, type Invocation } from "./command.ts";

export async function run(invocation: Invocation): Promise<number> {
  const [command, ...args] = invocation.positionals;
  const { set, unset } = await clientVariables(invocation);
  const kept = Object.entries(inheritedEnvironment()).filter(([name]) => !unset.includes(name));
  const child = spawn(command ?? "", args, { stdio: "inherit", env: { ...Object.fromEntries(kept), ...set } });
  invocation.signal.addEventListener("abort", () => child.kill("SIGINT"));
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(cannotRun(command, error)));
    child.once("exit", (code) => resolve(code ?? exitCodes.interrupted));
  });
}

function cannotRun(command: string | undefined, error: NodeJS.ErrnoException): Error {
  const why = error.code === "ENOENT" ? "there is no such program on the PATH" : error.message;
  return new Error(`cannot run ${command}: ${why}`, { cause: error });
}
