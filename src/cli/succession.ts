// How one server process goes on in the place of another, on the same listening socket and data directory.
//
// The one that serves starts its successor, which inherits the socket, loads its program and says that it is prepared; only
// then the other stops letting callers in, answers what it has, lets go of the data directory and gives the word. Whoever
// connects meanwhile waits in the system's queue of the socket, which is never closed.
//
// The process that was started first stays as the front, whoever serves: it is the one that a shell, systemd or Docker knows,
// it passes signals on, and it ends when the one that serves has ended. When it is killed, so are all.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import { frontProcess, successorEnvironment } from "../config.ts";
import { exitCodes } from "./command.ts";

/** As servers that replace themselves take it; SIGHUP would also come from a terminal that is closed. */
export const restartSignal = "SIGUSR2";

/** What a successor finds open: the listener, a line to the front, a line to the one before. */
const descriptors = { listener: 3, front: 4, predecessor: 5 } as const;
/** Loading the program takes 0.3 s; a machine that swaps may take a hundred times as long. */
const preparationMs = 30_000;
/** Opening a data directory takes 0.1 s, that of a million executions some more. */
const takeoverMs = 120_000;

/** Seen from the successor: the one in whose place it comes. */
export interface Predecessor {
  /** The inherited listening socket. */
  descriptor: number;
  front: number;
  /** Says that everything is loaded; resolves when the data directory is free. Rejects when nobody is wanted any more. */
  turn(signal: AbortSignal): Promise<void>;
  serving(): void;
  failed(reason: string): void;
  /** To the front, as the last word. */
  ended(exitCode: number): void;
}

/** Undefined in a process that was started by a user. Without its front a successor does not go on. */
export function predecessor(): Predecessor | undefined {
  const front = frontProcess();
  if (front === undefined) return undefined;
  const frontLine = new Socket({ fd: descriptors.front, readable: true, writable: true });
  frontLine.on("close", () => process.exit(exitCodes.failed)).on("error", () => undefined); // its close follows
  frontLine.resume().unref();
  const line = new Socket({ fd: descriptors.predecessor, readable: true, writable: true });
  line.on("error", () => undefined).unref();
  return {
    descriptor: descriptors.listener,
    front,
    async turn(signal) {
      line.write("prepared\n");
      line.ref();
      // One that dies before it gives the word has let go of everything too.
      await Promise.race([once(line, "data", { signal }), once(line, "end", { signal })]);
      line.unref();
    },
    serving() {
      frontLine.write(`serving ${process.pid}\n`);
      line.write("serving\n");
    },
    failed: (reason) => void line.write(`failed ${reason.replaceAll("\n", " ")}\n`),
    ended(exitCode) {
      frontLine.removeAllListeners("close").end(`ended ${exitCode}\n`);
    },
  };
}

/** What became of a try to be replaced. */
export type Succession =
  | { isServing: true; process: number; stay(): Promise<number> }
  /** With `hasLetGo` the data directory and the socket are given up already. */
  | { isServing: false; hasLetGo: boolean; reason: string };

/** Starts this program again in the place of this process. `letGo` gives up socket and data directory. */
export async function handOver(options: {
  descriptor: number;
  letGo: () => Promise<void>;
  signal: AbortSignal;
}): Promise<Succession> {
  const front = frontProcess();
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env: successorEnvironment(front ?? process.pid),
    // A Ctrl-C is for the front alone, which passes it on.
    detached: true,
    stdio: [
      ...(["ignore", "inherit", "inherit"] as const),
      options.descriptor,
      front === undefined ? "pipe" : descriptors.front,
      "pipe",
    ],
  });
  const streams: readonly unknown[] = child.stdio;
  const line = streams[descriptors.predecessor] as Duplex;
  line.on("error", () => undefined); // its end follows
  const words = wordsOf(line, child);
  const end = () => void child.kill("SIGTERM");
  options.signal.addEventListener("abort", end, { once: true });
  let hasLetGo = false;
  try {
    await words.expect("prepared", preparationMs);
    hasLetGo = true;
    await options.letGo();
    line.write("go\n");
    await words.expect("serving", takeoverMs);
  } catch (error) {
    options.signal.removeEventListener("abort", end);
    child.kill("SIGKILL");
    return { isServing: false, hasLetGo, reason: (error as Error).message };
  } finally {
    line.destroy();
    child.unref();
  }
  const frontLine = streams[descriptors.front] as Duplex | null;
  return {
    isServing: true,
    process: child.pid as number,
    async stay() {
      if (frontLine === null) return exitCodes.done; // there is a front already
      const { signal } = options;
      if (!signal.aborted) signal.removeEventListener("abort", end); // who serves may be another one by then
      return stayInFront(frontLine, { signal, pid: child.pid as number });
    },
  };
}

/** What the successor says, a word at a time; its end is a word too. */
function wordsOf(line: Duplex, child: ChildProcess) {
  const said: string[] = [];
  let onWord = () => {};
  const hear = (word: string) => {
    said.push(word);
    onWord();
  };
  createInterface({ input: line }).on("line", hear);
  child.on("error", (error) => hear(`failed ${error.message}`));
  child.on("close", (code, signal) => hear(`failed the new process ended with ${signal ?? `exit code ${code}`}`));
  return {
    async expect(word: string, withinMs: number): Promise<void> {
      if (said.length === 0) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>((resolve) => {
          onWord = resolve;
          timer = setTimeout(resolve, withinMs);
        });
        clearTimeout(timer);
      }
      const heard = said.shift() ?? `failed the new process was not ${word} within ${withinMs / 1000} s`;
      if (heard !== word) throw new Error(heard.replace(/^failed /, ""));
    },
  };
}

/** Passes signals on to whoever serves, and ends as that one ends. */
async function stayInFront(line: Duplex, first: { pid: number; signal: AbortSignal }): Promise<number> {
  let { pid } = first;
  let exitCode: number = exitCodes.failed;
  const pass = (name: NodeJS.Signals) => {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has just ended, and its line says so
    }
  };
  process.on(restartSignal, () => pass(restartSignal));
  first.signal.addEventListener("abort", () => pass("SIGTERM"));
  createInterface({ input: line }).on("line", (text) => {
    const [word, value] = text.split(" ");
    if (word === "serving") pid = Number(value);
    else if (word === "ended") exitCode = Number(value);
  });
  await once(line, "close");
  return exitCode;
}
