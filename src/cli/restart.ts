import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { serverConfig } from "../config.ts";
import { exitCodes, type Invocation, textOption } from "./command.ts";
import { type RunningServer, readRunningServer } from "./running-server.ts";
import { restartSignal } from "./succession.ts";

const lookEveryMs = 50;
/** Recovery of a very large data directory takes as long. */
const patienceMs = 5 * 60_000;

/** Asks the server of a data directory for its successor, and waits until that one answers. */
export async function run({ options, terminal, signal }: Invocation): Promise<number> {
  const dataDirectory = textOption({ options }, "data-dir");
  const folder = serverConfig(dataDirectory === undefined ? {} : { dataDirectory }).dataDirectory;
  const before = readRunningServer(folder);
  // The number in a file may by now be that of a program that would die of the signal.
  if (before === undefined || (await processAt(before.url)) !== before.process) {
    terminal.note(`no \`scones up\` serves ${folder}: start one, or name its folder with --data-dir`);
    return exitCodes.unreachable;
  }
  const startedAt = Date.now();
  process.kill(before.front, restartSignal);
  const after = await replaced(folder, { before, until: startedAt + patienceMs, signal });
  if (after === undefined || after.process === before.process) {
    terminal.note(
      `not restarted: ${after?.failure?.reason ?? "the server has ended, or takes longer than five minutes"}`,
    );
    return exitCodes.failed;
  }
  const milliseconds = Date.now() - startedAt;
  terminal.json({ endpoint: after.url, process: after.process, milliseconds });
  terminal.print(`${after.url} is served by process ${after.process} after ${milliseconds} ms`);
  return exitCodes.done;
}

async function replaced(
  folder: string,
  { before, until, signal }: { before: RunningServer; until: number; signal: AbortSignal },
): Promise<RunningServer | undefined> {
  while (Date.now() < until && !signal.aborted) {
    const now = readRunningServer(folder);
    if (now === undefined || (await isClosed(now.url))) return undefined; // it was ended meanwhile, or has died
    if (now.process !== before.process || now.failure?.atMs !== before.failure?.atMs) return now;
    await sleep(lookEveryMs);
  }
  return undefined;
}

/** While one process hands the socket to the other callers wait; they are refused only when nobody has it any more. */
async function isClosed(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
  try {
    await once(socket, "connect");
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ECONNREFUSED";
  } finally {
    socket.destroy();
  }
}

async function processAt(url: string): Promise<number | undefined> {
  try {
    const health = (await (
      await fetch(new URL("/_scones/health", url), { headers: { connection: "close" } })
    ).json()) as { process?: number };
    return health.process;
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) return undefined; // nobody is there, or somebody else
    throw error;
  }
}
