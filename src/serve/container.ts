import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import type { Clock } from "../ports/clock.ts";
import { ModelServer } from "./model-server.ts";
import { startProcessGroup } from "./process-group.ts";

/*
 * A program of the user's that keeps SageMaker's container contract, started by us: `COMMAND serve` in the folder of its model
 * (SM_MODEL_DIR), listening on SAGEMAKER_BIND_TO_PORT of 127.0.0.1, answering GET /ping and POST /invocations.
 */

export interface ContainerOptions {
  clock: Clock;
  /** A shell command; ` serve` is appended, as Docker is told on AWS. */
  command: string;
  /** The unpacked model; also the working directory. */
  folder: string;
  environment: Readonly<Record<string, string>>;
  startupTimeoutMs: number;
  timeoutMs: number;
  /** From SIGTERM to SIGKILL. */
  stopGraceMs: number;
  onLine: (line: string) => void;
}

/** One running program that has answered a ping. */
export interface Container {
  server: ModelServer;
  pid: number;
  /** Resolves once when it has ended, with how. */
  ended: Promise<string>;
  /** Answers what it has, then ends. */
  stop(): Promise<void>;
  kill(): void;
}

/** Requests at once; a program of one thread lets no more than its listen backlog (5 in Python) wait. */
const maxConcurrent = 4;
const keptLines = 5;

/** The command behind a container image `process:COMMAND`; `undefined` for any other image. */
export function containerCommand(image: string): string | undefined {
  const command = /^process:(?!https?:)(\S.*)$/.exec(image)?.[1];
  return command?.trim();
}

/** How many requests one container is given at once. */
export const containerConcurrency = maxConcurrent;

/** Resolves when the program answers a ping; rejects, with it ended, when it does not within the start-up window. */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const { clock, command, folder, environment, startupTimeoutMs, timeoutMs, stopGraceMs, onLine } = options;
  const port = await freePort();
  const lastLines: string[] = [];
  const program = startProcessGroup({
    command: "/bin/sh",
    args: ["-c", `exec ${command} serve`],
    folder,
    environment: {
      ...environment,
      SM_MODEL_DIR: folder,
      SAGEMAKER_BIND_TO_PORT: String(port),
      PYTHONUNBUFFERED: "1", // what it prints is wanted in the log when it happens
    },
    niceness: 0,
    clock,
    stopGraceMs,
    onLine: (line) => {
      lastLines.push(line);
      if (lastLines.length > keptLines) lastLines.shift();
      onLine(line);
    },
  });
  const server = new ModelServer({
    clock,
    origin: `http://127.0.0.1:${port}`,
    maxConcurrent,
    timeoutMs,
    startupTimeoutMs,
  });
  let hasEnded = false;
  const ended = program.ended.then(
    (exitCode) => [`the container ended with exit code ${exitCode}`, ...lastLines].join(": "),
    (error: Error) => `the container could not be started: ${error.message}`,
  );
  void ended.then(() => {
    hasEnded = true;
  });
  const stop = async () => {
    program.stop();
    await ended;
  };
  const readiness = server.start();
  readiness.catch(() => undefined); // the first outcome decides, below
  try {
    await Promise.race([
      readiness,
      ended.then((how) => {
        throw new Error(how);
      }),
    ]);
  } catch (error) {
    void server.close();
    if (!hasEnded) await stop();
    throw error;
  }
  return {
    server,
    pid: program.pid,
    ended,
    stop: async () => {
      await server.close();
      await stop();
    },
    kill: () => program.kill(),
  };
}

/** Free just now; should somebody take it first, the program fails to listen and is started again with another one. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
