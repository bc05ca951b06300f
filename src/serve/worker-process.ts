import { spawn } from "node:child_process";
import type { Duplex, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Clock } from "../ports/clock.ts";
import { encodeFrame, frameReader } from "./frames.ts";

/** One model worker: a child process that answers one batch at a time. */
export interface WorkerProcess {
  /** Rejects with `WorkerDied` when the process ends before it answered. One call at a time. */
  run(pictures: readonly Uint8Array[]): Promise<WorkerAnswer[]>;
  /** Resolves once when the process has ended, with how. */
  ended: Promise<string>;
  /** Asks it to end: it does when it is idle; after `graceMs` it is killed. */
  stop(graceMs: number): Promise<void>;
  kill(): void;
  pid: number;
}

export interface WorkerAnswer {
  /** 200, or the status a container would have answered. */
  status: number;
  text: string;
}

/** How likely the batch ended the worker: not begun, killed from outside (or for its memory), crashed. */
export type Suspicion = "none" | "some" | "strong";

export class WorkerDied extends Error {
  readonly suspicion: Suspicion;

  constructor(message: string, suspicion: Suspicion) {
    super(message);
    this.name = "WorkerDied";
    this.suspicion = suspicion;
  }
}

export interface WorkerOptions {
  clock: Clock;
  /** The unpacked model package. */
  folder: string;
  maxBatch: number;
  /** How long loading, warm-up and trial inference may take. */
  startupTimeoutMs: number;
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
    fileURLToPath(new URL("./worker.js", import.meta.url)),
  ];
  const child = spawn(file as string, [...args, options.folder, String(options.maxBatch)], {
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

  let waiting: { resolve: (answers: WorkerAnswer[]) => void; reject: (error: Error) => void } | undefined;
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`the worker could not be started: ${error.message}`));
    child.once("close", (code, signal) => {
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      resolve([`the worker ended ${how}`, ...lastLines].join(": "));
    });
  });
  pipe.on("error", () => child.kill("SIGKILL")); // a broken pipe is a dead worker; `ended` tells

  return new Promise((resolve, reject) => {
    let refusal: Error | undefined;
    const cancelTimeout = options.clock.schedule(options.startupTimeoutMs, () => {
      refusal ??= new Error(`the model was not ready within ${options.startupTimeoutMs / 1000} s`);
      child.kill("SIGKILL");
    });
    void ended.then((how) => {
      cancelTimeout();
      waiting?.reject(new WorkerDied(how, child.signalCode === "SIGKILL" ? "some" : "strong"));
      waiting = undefined;
      reject(refusal ?? new WorkerDied(how, "none"));
    });
    const read = frameReader(([kind, ...items]) => {
      switch (Buffer.from(kind as Uint8Array).toString()) {
        case "ready":
          cancelTimeout();
          return resolve(worker);
        case "failed":
          refusal = new Error(Buffer.from(items[0] as Uint8Array).toString());
          return;
        default:
          waiting?.resolve(items.map(decodeAnswer));
          waiting = undefined;
      }
    });
    pipe.on("data", read);
    const worker: WorkerProcess = {
      run: (pictures) =>
        new Promise((resolveRun, rejectRun) => {
          if (child.exitCode !== null || child.signalCode !== null) {
            rejectRun(new WorkerDied("the worker has ended", "none"));
            return;
          }
          waiting = { resolve: resolveRun, reject: rejectRun };
          pipe.write(encodeFrame(pictures));
        }),
      ended,
      stop: async (graceMs) => {
        pipe.end();
        const cancel = options.clock.schedule(graceMs, () => child.kill("SIGKILL"));
        await ended;
        cancel();
      },
      kill: () => void child.kill("SIGKILL"),
      pid: child.pid ?? -1,
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
