import { Fault } from "../kit/fault.ts";
import type { Clock } from "../ports/clock.ts";
import { type FleetAnswer, Job } from "./fleet-job.ts";
import { Pace } from "./pace.ts";
import { Quarantine } from "./quarantine.ts";
import {
  type Suspicion,
  startWorker,
  type WorkerAnswer,
  type WorkerEnd,
  type WorkerProcess,
} from "./worker-process.ts";

/*
 * The workers of one model and the one queue before them. A request goes to the worker that has least to do, or waits; a
 * worker runs what has come meanwhile, up to `maxBatch` at once (batching without ever waiting for company). Of a fast
 * network some more are sent ahead, so that the worker need not wait for us between two runs; of a slow one nothing is,
 * because a picture that is sent can no longer go to whoever becomes free first.
 *
 * M2. Losing or scaling workers, or closing the fleet, fails no request that could still be answered:
 *     what a dying worker held is asked once more, alone, of another one. An input that crashes that one too is
 *     quarantined: it is answered with a model error from then on instead of killing worker after worker.
 */

export interface FleetOptions {
  clock: Clock;
  /** The unpacked model package. */
  folder: string;
  workers: number;
  /** Inside each worker. */
  threads?: number;
  /** Pictures per run at most; above 8 the CPU gains nothing and the first of them waits longer. */
  maxBatch?: number;
  /** Waiting requests; 256 are about a quarter of a second for a small network on one core. */
  maxQueue?: number;
  /** Bytes of waiting requests: memory stays bounded when every picture is large. */
  maxQueueBytes?: number;
  /** From arrival to answer, as SageMaker allows its containers. */
  timeoutMs?: number;
  startupTimeoutMs?: number;
  onLine?: (line: string) => void;
  /** Another process to start as worker, speaking the same frames. */
  command?: readonly string[];
}

const defaultMaxBatch = 8;
export const defaultMaxQueue = 256;
const defaultMaxQueueBytes = 128 * 1024 * 1024;
export const defaultTimeoutMs = 60_000;
export const defaultStartupTimeoutMs = 240_000;
/** Bytes of one batch; a larger picture travels alone. */
const maxBatchBytes = 16 * 1024 * 1024;
const stopGraceMs = 5_000;
/** How late a timeout may be told at most. */
const maxLookMs = 1_000;
/** Two crashes convict an input, or four kills: those may come from outside, and from the system when memory is short. */
const guiltOf: Record<Suspicion, number> = { none: 0, some: 1, strong: 2 };
const quarantinedFrom = 4;

interface Slot {
  worker?: WorkerProcess;
  /** What it has to answer, oldest first; the first `sent` of them have left. */
  jobs: Job[];
  sent: number;
  isLeaving: boolean;
  /** Deaths since it last answered. */
  deathsInARow: number;
  /** Called when a leaving slot has answered its last batch. */
  onFree?: () => void;
}

export class Fleet {
  readonly #options: Required<Omit<FleetOptions, "command" | "onLine">> & Pick<FleetOptions, "command" | "onLine">;
  readonly #slots = new Set<Slot>();
  readonly #quarantine = new Quarantine();
  #queue: Job[] = [];
  #queuedBytes = 0;
  #isClosing = false;
  #hasStarted = false;
  #willSend = false;
  #isWatching = false;
  #whenIdle: (() => void)[] = [];
  readonly #pace: Pace;

  constructor(options: FleetOptions) {
    this.#pace = new Pace(() => options.clock.now());
    this.#options = {
      threads: 1,
      maxBatch: defaultMaxBatch,
      maxQueue: defaultMaxQueue,
      maxQueueBytes: defaultMaxQueueBytes,
      timeoutMs: defaultTimeoutMs,
      startupTimeoutMs: defaultStartupTimeoutMs,
      ...options,
    };
  }

  /** Resolves when every worker is ready; rejects, with all of them stopped, when one cannot be. Requests may already queue. */
  async start(): Promise<void> {
    const slots = Array.from({ length: this.#options.workers }, () => this.#newSlot());
    const started = await Promise.allSettled(slots.map((slot) => this.#startSlot(slot)));
    const failure = started.find((result) => result.status === "rejected");
    if (failure === undefined) {
      this.#hasStarted = true;
      return;
    }
    await this.close();
    throw failure.reason;
  }

  /** Answers one picture. Rejects with the fault `ServiceUnavailable` when the queue is full or the request waited too long. */
  infer(picture: Uint8Array, caller: { readonly signal?: AbortSignal } = {}): Promise<FleetAnswer> {
    if (this.#isClosing) return Promise.reject(unavailable("the model is being replaced"));
    const { maxQueue, maxQueueBytes } = this.#options;
    if (this.#queue.length >= maxQueue || this.#queuedBytes + picture.length > maxQueueBytes) {
      return Promise.reject(unavailable(`${this.#queue.length} requests are waiting already`));
    }
    if (this.#quarantine.has(picture)) return Promise.resolve(quarantined);
    return new Promise((resolve, reject) => {
      const job = new Job(picture, resolve, reject);
      this.#enqueue(job, "last");
      this.#dispatch();
      this.#watch();
      if (this.#queue.at(-1) !== job) return; // what a worker has it answers; making a signal costs as much as all of this
      const { signal } = caller;
      if (signal === undefined) return;
      const onAbort = () => this.#abandon(job, signal.reason as Error);
      if (signal.aborted) onAbort();
      else {
        signal.addEventListener("abort", onAbort, { once: true });
        job.onSettled = () => signal.removeEventListener("abort", onAbort);
      }
    });
  }

  /** Grows or shrinks to `workers` without failing a request; resolves when the new ones are ready and the old ones gone. */
  async scale(workers: number): Promise<void> {
    const staying = [...this.#slots].filter((slot) => !slot.isLeaving);
    this.#options.workers = workers;
    const added = Array.from({ length: Math.max(0, workers - staying.length) }, () => this.#newSlot());
    await Promise.all(added.map((slot) => this.#startSlot(slot)));
    const leaving = staying.slice(workers);
    for (const slot of leaving) slot.isLeaving = true;
    await Promise.all(leaving.map((slot) => this.#retire(slot)));
  }

  /** Process ids of the workers that are ready. */
  get workerIds(): number[] {
    return [...this.#slots].flatMap((slot) => (slot.worker === undefined ? [] : [slot.worker.pid]));
  }

  get workerCount(): number {
    let count = 0;
    for (const { worker } of this.#slots) if (worker !== undefined) count++;
    return count;
  }

  get isFull(): boolean {
    return this.#queue.length >= this.#options.maxQueue;
  }

  get queueLength(): number {
    return this.#queue.length;
  }

  /** Takes nothing new, answers what it has, then ends the workers. May be called twice. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (!this.#hasStarted) this.#giveUp();
    await this.#idle();
    const slots = [...this.#slots];
    this.#slots.clear();
    await Promise.all(slots.map((slot) => slot.worker?.stop(stopGraceMs)));
  }

  #giveUp(): void {
    for (const job of this.#queue.splice(0)) job.settle(unavailable("the model cannot be started"));
    this.#queuedBytes = 0;
    this.#dispatch();
  }

  #newSlot(): Slot {
    const slot: Slot = { jobs: [], sent: 0, isLeaving: false, deathsInARow: 0 };
    this.#slots.add(slot);
    return slot;
  }

  async #startSlot(slot: Slot): Promise<void> {
    const worker = await startWorker({ ...this.#options, onAnswers: (answers) => this.#answered(slot, answers) });
    if (!this.#slots.has(slot)) {
      await worker.stop(stopGraceMs); // closed or retired while it started
      return;
    }
    slot.worker = worker;
    void worker.ended.then((end) => this.#ended(slot, end));
    this.#dispatch();
  }

  async #retire(slot: Slot): Promise<void> {
    if (slot.jobs.length > 0) {
      await new Promise<void>((resolve) => {
        slot.onFree = resolve;
      });
    }
    this.#slots.delete(slot);
    await slot.worker?.stop(stopGraceMs);
  }

  /** Gives the oldest requests that still want an answer to the workers that have least to do. */
  #dispatch(): void {
    for (;;) {
      const job = this.#queue[0];
      if (job === undefined) break;
      if (!job.isSettled) {
        const slot = this.#slotFor(job);
        if (slot === undefined) break;
        slot.jobs.push(job);
        this.#sendSoon();
      }
      this.#queue.shift();
      this.#queuedBytes -= job.picture.length;
    }
    if (this.#whenIdle.length > 0 && this.#isIdle()) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** One that was with a dying worker goes alone, so that guilt is certain: it waits for a worker that has nothing else. */
  #slotFor(job: Job): Slot | undefined {
    let best: Slot | undefined;
    for (const slot of this.#slots) {
      if (slot.worker === undefined || slot.isLeaving) continue;
      if (best !== undefined && slot.jobs.length >= best.jobs.length) continue;
      if (this.#takes(slot, job)) best = slot;
    }
    return best;
  }

  #takes({ jobs, sent, worker }: Slot, job: Job): boolean {
    const oldest = jobs[0];
    if (oldest === undefined) return true;
    if (job.guilt > 0 || oldest.guilt > 0) return false;
    const batch = worker?.batch ?? 1;
    const ahead = sent > 0 ? this.#pace.ahead(batch) : 0;
    if (sent > 0 && ahead === 0) return false;
    return jobs.length < batch + ahead && bytesOf(jobs) + job.picture.length <= maxBatchBytes;
  }

  /** Once per turn of the event loop: what came in this turn leaves in one write per worker. */
  #sendSoon(): void {
    if (this.#willSend) return;
    this.#willSend = true;
    setImmediate(() => {
      this.#willSend = false;
      for (const slot of this.#slots) {
        if (slot.sent === slot.jobs.length) continue;
        if (slot.sent === 0) this.#pace.begin(slot);
        const jobs = slot.jobs.slice(slot.sent);
        const now = performance.now();
        for (const job of jobs) job.sentAt = now;
        slot.worker?.send(jobs.map((job) => job.picture));
        slot.sent = slot.jobs.length;
      }
    });
  }

  #answered(slot: Slot, answers: readonly WorkerAnswer[]): void {
    slot.deathsInARow = 0;
    const jobs = slot.jobs.splice(0, answers.length);
    slot.sent -= jobs.length;
    this.#pace.end(slot, jobs.length);
    const now = performance.now();
    jobs.forEach((job, i) => {
      const { status, text } = answers[i] as WorkerAnswer;
      job.settle({ status, text, modelMs: now - job.sentAt });
    });
    if (slot.isLeaving && slot.jobs.length === 0) slot.onFree?.();
    this.#dispatch();
  }

  /** A worker runs at most a batch at once, in order: what lies behind that is above suspicion. */
  #askAgain(jobs: Job[], suspicion: Suspicion): void {
    for (const [i, job] of [...jobs.entries()].reverse()) {
      if (i < this.#options.maxBatch) job.guilt += guiltOf[suspicion];
      if (job.guilt < quarantinedFrom) this.#enqueue(job, "first");
      else {
        this.#quarantine.add(job.picture);
        this.#options.onLine?.("an input ended several workers and is quarantined");
        job.settle(quarantined);
      }
    }
  }

  #ended(slot: Slot, { how, suspicion }: WorkerEnd): void {
    const jobs = slot.jobs.splice(0);
    slot.sent = 0;
    slot.worker = undefined;
    this.#askAgain(jobs, suspicion);
    if (slot.isLeaving) slot.onFree?.();
    this.#lost(slot, how);
    this.#dispatch();
  }

  /** A worker ended: unless it was meant to, another one takes its place, later and later while they keep ending. */
  #lost(slot: Slot, how: string): void {
    if (!this.#slots.has(slot) || slot.isLeaving) return;
    this.#options.onLine?.(how);
    slot.deathsInARow += 1;
    if (this.#isClosing && slot.deathsInARow > 2) this.#giveUp(); // they will not be answered: let the fleet end
    const delayMs = slot.deathsInARow < 3 ? 0 : Math.min(10_000, 100 * 2 ** (slot.deathsInARow - 3));
    this.#options.clock.schedule(delayMs, () => {
      if (!this.#slots.has(slot)) return;
      this.#startSlot(slot).catch((error: Error) => this.#lost(slot, `the worker did not come back: ${error.message}`));
    });
  }

  /** One timer looks after all requests: one of its own for each costs more than it is worth. */
  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const { clock, timeoutMs } = this.#options;
    clock.schedule(Math.min(maxLookMs, Math.ceil(timeoutMs / 10)), () => {
      this.#isWatching = false;
      const dueBefore = performance.now() - timeoutMs;
      const jobs = [...this.#queue, ...[...this.#slots].flatMap((slot) => slot.jobs)];
      for (const job of jobs) if (!job.isSettled && job.takenAt <= dueBefore) this.#timeOut(job);
      if (jobs.length > 0) this.#watch();
    });
  }

  #timeOut(job: Job): void {
    const slot = [...this.#slots].find(({ jobs, sent }) =>
      jobs.slice(0, Math.min(sent, this.#options.maxBatch)).includes(job),
    );
    if (slot === undefined) {
      this.#abandon(job, unavailable("no worker became free in time"));
      return;
    }
    job.settle(timedOut);
    slot.worker?.kill(); // it blocks its thread: nothing else stops it
  }

  /** Nobody waits for the answer any more: its place in the queue is free again. */
  #abandon(job: Job, reason: Error): void {
    const place = this.#queue.indexOf(job);
    if (place >= 0) {
      this.#queue.splice(place, 1);
      this.#queuedBytes -= job.picture.length;
    }
    for (const { jobs, sent } of this.#slots) {
      const unsent = jobs.indexOf(job, sent);
      if (unsent >= 0) jobs.splice(unsent, 1);
    }
    job.settle(reason);
    this.#dispatch();
  }

  #enqueue(job: Job, place: "first" | "last"): void {
    if (place === "first") this.#queue.unshift(job);
    else this.#queue.push(job);
    this.#queuedBytes += job.picture.length;
  }

  #isIdle(): boolean {
    return this.#queue.every((job) => job.isSettled) && [...this.#slots].every((slot) => slot.jobs.length === 0);
  }

  #idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }
}

// As AWS answers when a container gives no answer within its time.
const timedOut: FleetAnswer = {
  status: 0,
  text: "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again.",
};

const quarantined: FleetAnswer = {
  status: 500,
  text: "the model process ended repeatedly on this input; it is not tried again",
};

function unavailable(why: string): Fault {
  return new Fault("ServiceUnavailable", `The service is unavailable. Try your call again. (${why})`, { status: 503 });
}

function bytesOf(jobs: readonly Job[]): number {
  return jobs.reduce((sum, { picture }) => sum + picture.length, 0);
}
