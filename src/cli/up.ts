import { serverConfig } from "../config.ts";
import { exitCodes, type Invocation, textOption, UsageError, wholeNumberOption } from "./command.ts";

export async function run(invocation: Invocation): Promise<number> {
  const { terminal, signal } = invocation;
  const startedAt = Date.now();
  const { startScones } = await import("../app.ts");
  const server = await startScones(serverConfig(serverOptions(invocation)));
  terminal.json({ endpoint: server.url, dataDirectory: server.dataDirectory });
  terminal.note(`ready in ${Date.now() - startedAt} ms`);
  for (const line of howToConnect(server.url)) terminal.print(line);
  await untilAborted(signal);
  terminal.note("stopping ...");
  await server.close();
  return exitCodes.done;
}

export function serverOptions(invocation: Pick<Invocation, "options">): Parameters<typeof serverConfig>[0] {
  const host = textOption(invocation, "host");
  const dataDirectory = textOption(invocation, "data-dir");
  const endpointAlias = textOption(invocation, "endpoint-alias");
  const isPortGiven = textOption(invocation, "port") !== undefined;
  return {
    ...(host === undefined ? {} : { host }),
    ...(dataDirectory === undefined ? {} : { dataDirectory }),
    ...(endpointAlias === undefined ? {} : { endpointAlias }),
    ...logFormatOf(invocation),
    ...(isPortGiven ? { port: wholeNumberOption(invocation, "port", { default: 0, min: 0, max: 65_535 }) } : {}),
  };
}

function logFormatOf(invocation: Pick<Invocation, "options">): { logFormat?: "text" | "json" } {
  const format = textOption(invocation, "log-format");
  if (format === undefined) return {};
  if (format !== "text" && format !== "json")
    throw new UsageError(`--log-format must be text or json, not "${format}"`);
  return { logFormat: format };
}

/** The lines to copy to use any AWS client against this server. */
export function howToConnect(url: string): string[] {
  return [
    `Scones serves ${url}`,
    "",
    "  any program    npx scones run -- COMMAND",
    `  AWS CLI        aws --endpoint-url ${url} stepfunctions list-state-machines`,
    `  boto3          boto3.client("sagemaker-runtime", endpoint_url="${url}")`,
    `  JavaScript     new SFNClient({ endpoint: "${url}" })`,
    `  or for all     export AWS_ENDPOINT_URL=${url} AWS_ACCESS_KEY_ID=scones AWS_SECRET_ACCESS_KEY=scones AWS_REGION=us-east-1`,
  ];
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
