import type { WorkerAnswer } from "./worker-process.ts";

/** The answer of a worker, or what a container would have answered in its place; 0 stands for no answer at all. */
export interface FleetAnswer extends WorkerAnswer {
  /** From leaving for the worker until the answer. */
  modelMs?: number;
}

/** One request of a fleet, from its arrival to its answer. */
export class Job {
  readonly picture: Uint8Array;
  readonly takenAt: number;
  /** Grows with every worker that ended while it had this request. */
  guilt = 0;
  sentAt = 0;
  isSettled = false;
  /** What is to be done when it is settled, beside telling. */
  onSettled: (() => void) | undefined;
  readonly #resolve: (answer: FleetAnswer) => void;
  readonly #reject: (error: Error) => void;

  constructor(picture: Uint8Array, resolve: (answer: FleetAnswer) => void, reject: (error: Error) => void) {
    this.picture = picture;
    this.takenAt = performance.now();
    this.#resolve = resolve;
    this.#reject = reject;
  }

  settle(answer: FleetAnswer | Error): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.onSettled?.();
    if (answer instanceof Error) this.#reject(answer);
    else this.#resolve(answer);
  }
}
