import { spawn } from "node:child_process";
import { clientConfig, inheritedEnvironment, serverConfig } from "../config.ts";
import { connectTo } from "./clients.ts";
import { exitCodes, type Invocation, textOption } from "./command.ts";

export async function run(invocation: Invocation): Promise<number> {
  const [command, ...args] = invocation.positionals;
  const { clientEnvironment } = await import("../app.ts");
  const endpointUrl = textOption(invocation, "endpoint");
  const clients = await connectTo(endpointUrl);
  clients.close();
  const config = clientConfig(endpointUrl === undefined ? {} : { endpointUrl });
  const environment = await clientEnvironment(config, serverConfig().dataDirectory);
  const child = spawn(command ?? "", args, {
    stdio: "inherit",
    env: { ...withoutOtherPlaces(inheritedEnvironment()), ...environment },
  });
  invocation.signal.addEventListener("abort", () => child.kill("SIGINT"));
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(cannotRun(command, error)));
    child.once("exit", (code) => resolve(code ?? exitCodes.interrupted));
  });
}

/** Variables by which AWS clients would go elsewhere, or as somebody else, whatever else is set. */
const leadingElsewhere = /^AWS_(PROFILE|DEFAULT_PROFILE|IGNORE_CONFIGURED_ENDPOINT_URLS|ENDPOINT_URL_.*)$/;

function withoutOtherPlaces(environment: Record<string, string | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !leadingElsewhere.test(name)));
}

function cannotRun(command: string | undefined, error: NodeJS.ErrnoException): Error {
  const why = error.code === "ENOENT" ? "there is no such program on the PATH" : error.message;
  return new Error(`cannot run ${command}: ${why}`, { cause: error });
}
