import { spawn } from "node:child_process";
import type { Duplex, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Clock } from "../ports/clock.ts";
import { frameReader, writeFrame } from "./frames.ts";

/** One model worker: a child process that answers pictures in the order they came. */
export interface WorkerProcess {
  /** The answers go to `onAnswers`, in the same order, in groups of the worker's own making. */
  send(pictures: readonly Uint8Array[]): void;
  /** Resolves once when the process has ended. What it has not answered by then it never will. */
  ended: Promise<WorkerEnd>;
  /** Asks it to end: it does when it is idle; after `graceMs` it is killed. */
  stop(graceMs: number): Promise<void>;
  kill(): void;
  pid: number;
  /** How many pictures it runs at once, as it says when it is ready: at most `maxBatch`. */
  batch: number;
}

export interface WorkerAnswer {
  /** 200, or the status a container would have answered. */
  status: number;
  text: string;
}

/** How likely the work ended the worker: not begun, killed from outside (or for its memory), crashed. */
export type Suspicion = "none" | "some" | "strong";

export interface WorkerEnd {
  how: string;
  suspicion: Suspicion;
}

export interface WorkerOptions {
  clock: Clock;
  /** The unpacked model package. */
  folder: string;
  maxBatch: number;
  threads: number;
  /** How long loading, warm-up and trial inference may take. */
  startupTimeoutMs: number;
  onAnswers: (answers: WorkerAnswer[]) => void;
  /** The process to start instead of our own worker, speaking the same frames on descriptor 3. */
  command?: readonly string[];
  /** Each line the process prints. */
  onLine?: (line: string) => void;
}

/** Starts a worker and resolves when it has loaded its model and answered a trial inference. */
export function startWorker(options: WorkerOptions): Promise<WorkerProcess> {
  const [file, ...args] = options.command ?? [
    process.execPath,
    "--max-old-space-size=512", // pictures of one batch; the network's own memory lies outside this heap
    "--expose-gc", // for pictures that are too large to wait for a collection
    fileURLToPath(new URL("./worker.js", import.meta.url)),
  ];
  const child = spawn(file as string, [...args, options.folder, String(options.maxBatch), String(options.threads)], {
    env: {}, // nothing of ours is any business of a model
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const pipe = child.stdio[3] as Duplex;
  const lastLines: string[] = [];
  for (const output of [child.stdout, child.stderr]) {
    forEachLine(output as Readable, (line) => {
      lastLines.push(line);
      if (lastLines.length > 5) lastLines.shift();
      options.onLine?.(line);
    });
  }

  let isReady = false;
  const ended = new Promise<WorkerEnd>((resolve) => {
    child.once("error", (error) =>
      resolve({ how: `the worker could not be started: ${error.message}`, suspicion: "none" }),
    );
    child.once("close", (code, signal) => {
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      resolve({
        how: [`the worker ended ${how}`, ...lastLines].join(": "),
        suspicion: !isReady ? "none" : signal === "SIGKILL" ? "some" : "strong",
      });
    });
  });
  pipe.on("error", () => child.kill("SIGKILL")); // a broken pipe is a dead worker; `ended` tells

  return new Promise((resolve, reject) => {
    let refusal: Error | undefined;
    const cancelTimeout = options.clock.schedule(options.startupTimeoutMs, () => {
      refusal ??= new Error(`the model was not ready within ${options.startupTimeoutMs / 1000} s`);
      child.kill("SIGKILL");
    });
    void ended.then(({ how }) => {
      cancelTimeout();
      reject(refusal ?? new Error(how));
    });
    const read = frameReader(([kind, ...items]) => {
      switch (Buffer.from(kind as Uint8Array).toString()) {
        case "ready":
          cancelTimeout();
          isReady = true;
          worker.batch = Math.min(
            items[0] === undefined ? options.maxBatch : Number(Buffer.from(items[0]).toString()),
            options.maxBatch,
          );
          return resolve(worker);
        case "failed":
          refusal = new Error(Buffer.from(items[0] as Uint8Array).toString());
          return;
        default:
          options.onAnswers(items.map(decodeAnswer));
      }
    });
    pipe.on("data", read);
    const worker: WorkerProcess = {
      send: (pictures) => writeFrame(pipe, pictures),
      ended,
      stop: async (graceMs) => {
        pipe.end();
        const cancel = options.clock.schedule(graceMs, () => child.kill("SIGKILL"));
        await ended;
        cancel();
      },
      kill: () => void child.kill("SIGKILL"),
      pid: child.pid ?? -1,
      batch: options.maxBatch,
    };
  });
}

function decodeAnswer(item: Uint8Array): WorkerAnswer {
  const bytes = Buffer.from(item.buffer, item.byteOffset, item.byteLength);
  return { status: bytes.readUInt16BE(0), text: bytes.toString("utf8", 2) };
}

/** Longer lines are cut: a program that never ends its line must not fill our memory. */
const maxLineLength = 64 * 1024;

/** Calls back for every line of a text stream, without its line end. */
export function forEachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop() as string;
    for (const line of lines) onLine(line.slice(0, maxLineLength));
    while (rest.length > maxLineLength) {
      onLine(rest.slice(0, maxLineLength));
      rest = rest.slice(maxLineLength);
    }
  });
  stream.on("end", () => {
    if (rest !== "") onLine(rest);
    rest = "";
  });
}
