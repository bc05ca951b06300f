import { type ServerConfig, serverConfig } from "../config.ts";
import { exitCodes, type Invocation, textOption, UsageError, wholeNumberOption } from "./command.ts";
import { forgetRunningServer, writeRunningServer } from "./running-server.ts";
import { handOver, predecessor, restartSignal } from "./succession.ts";

export async function run(invocation: Invocation): Promise<number> {
  const { terminal, signal } = invocation;
  const startedAt = Date.now();
  const { startScones } = await import("../app.ts");
  const before = predecessor();
  const config = { ...serverConfig(serverOptions(invocation)), ...(before && { descriptor: before.descriptor }) };
  await before?.turn(signal);
  const front = before?.front ?? process.pid;
  const restarts = restartRequests(signal);
  let server = await startScones(config).catch((error: Error) => {
    before?.failed(error.message);
    throw error;
  });
  const announce = (failure?: string) => {
    const running = { url: server.url, process: process.pid, front };
    writeRunningServer(server.dataDirectory, {
      ...running,
      ...(failure !== undefined && { failure: { reason: failure, atMs: Date.now() } }),
    });
  };
  announce();
  if (before === undefined) {
    terminal.json({ endpoint: server.url, dataDirectory: server.dataDirectory });
    terminal.note(`ready in ${Date.now() - startedAt} ms`);
    for (const line of howToConnect(server.url)) terminal.print(line);
  }
  before?.serving();
  while (await restarts.next()) {
    const { descriptor, url } = server;
    if (descriptor === undefined) {
      announce("this system does not hand sockets on");
      continue;
    }
    let closedAt = 0;
    const letGo = () => {
      closedAt = Date.now();
      return server.handOn();
    };
    const succession = await handOver({ descriptor, letGo, signal });
    if (succession.isServing) {
      terminal.note(
        `process ${succession.process} serves ${url}; who came meanwhile waited ${Date.now() - closedAt} ms`,
      );
      const exitCode = await succession.stay();
      // Another one than the front hands on what is asked on its kept connections for as long as they last.
      if (before === undefined) await server.close();
      return exitCode;
    }
    terminal.note(`not restarted: ${succession.reason}`);
    // The socket went with the successor: what waited in its queue is lost, but not the server.
    if (succession.hasLetGo && !signal.aborted) {
      await server.close();
      server = await startScones(boundAnew(config, url));
    }
    announce(succession.reason);
  }
  terminal.note("stopping ...");
  forgetRunningServer(server.dataDirectory);
  const exitCode = await server.close().then(
    () => exitCodes.done,
    (error: Error) => {
      process.stderr.write(`scones: ${error.message}\n`);
      return exitCodes.failed;
    },
  );
  before?.ended(exitCode);
  return exitCode;
}

/** Without the socket that was given away. */
function boundAnew({ descriptor: _descriptor, ...config }: ServerConfig, url: string): ServerConfig {
  return { ...config, port: Number(new URL(url).port) };
}

/** `next` resolves to true when a restart is asked for, and to false when this process is to end. */
function restartRequests(signal: AbortSignal): { next(): Promise<boolean> } {
  let isAsked = false;
  let onChange = (): void => undefined;
  process.on(restartSignal, () => {
    isAsked = true;
    onChange();
  });
  signal.addEventListener("abort", () => onChange());
  return {
    async next() {
      if (!isAsked && !signal.aborted) {
        await new Promise<void>((resolve) => {
          onChange = resolve;
        });
      }
      isAsked = false;
      return !signal.aborted;
    },
  };
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
