import { Fault } from "../kit/fault.ts";
import type { InferencePart, InferenceRequest } from "../ports/models.ts";
import { type Container, type ContainerOptions, containerConcurrency, startContainer } from "./container.ts";
import type { ServerAnswer } from "./model-server.ts";

/*
 * The containers of one variant and the one queue before them: a request goes to the container that has the fewest, or waits.
 *
 * M2. Losing or scaling containers fails no request that could still be answered: what a dying container held is asked once
 *     more, of another one. Not twice: an input that ends containers must not end them all.
 */

export interface ContainerFleetOptions extends ContainerOptions {
  containers: number;
  maxQueue: number;
}

interface Job {
  request: InferenceRequest;
  attempts: number;
  isSettled: boolean;
  settle: (answer: ServerAnswer | Error) => void;
}

interface Slot {
  container?: Container;
  outstanding: number;
  isLeaving: boolean;
  /** Deaths since it last answered. */
  deathsInARow: number;
  failedPings: number;
  /** Called when it has nothing to answer any more. */
  onFree?: () => void;
}

const maxAttempts = 2;
/** As often as a health check may come without being felt; three misses in a row are no accident. */
const pingEveryMs = 5_000;
const maxFailedPings = 3;

export class ContainerFleet {
  readonly #options: ContainerFleetOptions;
  readonly #slots = new Set<Slot>();
  readonly #timers = new Set<() => void>();
  #queue: Job[] = [];
  #whenIdle: (() => void)[] = [];
  #isClosing = false;

  constructor(options: ContainerFleetOptions) {
    this.#options = options;
  }

  /** Resolves when every container is ready; rejects, with all of them ended, when one cannot be. Requests may already queue. */
  async start(): Promise<void> {
    const slots = Array.from({ length: this.#options.containers }, () => this.#newSlot());
    const started = await Promise.allSettled(slots.map((slot) => this.#startSlot(slot)));
    const failure = started.find((result) => result.status === "rejected");
    if (failure === undefined) return;
    await this.close();
    throw failure.reason;
  }

  /** Throws the fault `ServiceUnavailable` when the queue is full. */
  async infer(request: InferenceRequest): Promise<ServerAnswer> {
    if (this.#isClosing) throw unavailable("the model is being replaced");
    if (this.#queue.length >= this.#options.maxQueue) throw unavailable("too many requests are waiting already");
    const { signal } = request;
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const cancelTimeout = this.#options.clock.schedule(request.timeoutMs ?? this.#options.timeoutMs, () =>
        job.settle(timedOut),
      );
      const onAbort = () => job.settle(signal?.reason as Error);
      const job: Job = {
        request,
        attempts: 0,
        isSettled: false,
        settle: (answer) => {
          if (job.isSettled) return;
          job.isSettled = true;
          cancelTimeout();
          signal?.removeEventListener("abort", onAbort);
          this.#queue = this.#queue.filter((other) => other !== job);
          if (answer instanceof Error) reject(answer);
          else resolve(answer);
          this.#wakeIdle();
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#queue.push(job);
      this.#dispatch();
    });
  }

  /** Grows or shrinks to `containers` without failing a request; resolves when the new ones are ready and the old ones gone. */
  async scale(containers: number): Promise<void> {
    const staying = [...this.#slots].filter((slot) => !slot.isLeaving);
    const added = Array.from({ length: Math.max(0, containers - staying.length) }, () => this.#newSlot());
    const started = await Promise.allSettled(added.map((slot) => this.#startSlot(slot)));
    const failure = started.find((result) => result.status === "rejected");
    if (failure !== undefined) {
      await Promise.all(added.map((slot) => this.#retire(slot)));
      throw failure.reason;
    }
    await Promise.all(staying.slice(containers).map((slot) => this.#retire(slot)));
  }

  /** Process ids of the containers that are ready. */
  get containerIds(): number[] {
    return [...this.#slots].flatMap(({ container }) => (container === undefined ? [] : [container.pid]));
  }

  get queueLength(): number {
    return this.#queue.length;
  }

  /** Takes nothing new, answers what it has, then ends the containers. May be called twice. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if ([...this.#slots].every(({ container }) => container === undefined)) {
      for (const job of [...this.#queue]) job.settle(unavailable("the model cannot be started"));
    }
    await this.#idle();
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    await Promise.all([...this.#slots].map((slot) => this.#retire(slot)));
  }

  #idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }

  #wakeIdle(): void {
    if (this.#isIdle()) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #isIdle(): boolean {
    return this.#queue.length === 0 && [...this.#slots].every(({ outstanding }) => outstanding === 0);
  }

  #newSlot(): Slot {
    const slot: Slot = { outstanding: 0, isLeaving: false, deathsInARow: 0, failedPings: 0 };
    this.#slots.add(slot);
    return slot;
  }

  async #startSlot(slot: Slot): Promise<void> {
    const container = await startContainer(this.#options);
    if (!this.#slots.has(slot)) {
      await container.stop(); // retired while it started
      return;
    }
    slot.container = container;
    slot.failedPings = 0;
    void container.ended.then((how) => this.#lost(slot, how));
    this.#watch(slot, container);
    this.#dispatch();
  }

  async #retire(slot: Slot): Promise<void> {
    slot.isLeaving = true;
    if (slot.outstanding > 0) {
      await new Promise<void>((resolve) => {
        slot.onFree = resolve;
      });
    }
    this.#slots.delete(slot);
    await slot.container?.stop();
  }

  #dispatch(): void {
    for (;;) {
      const slot = this.#freest();
      const job = slot && this.#queue.shift();
      if (slot === undefined || job === undefined) break;
      void this.#run(slot, job);
    }
    this.#wakeIdle();
  }

  #freest(): Slot | undefined {
    return [...this.#slots]
      .filter((slot) => slot.container !== undefined && !slot.isLeaving && slot.outstanding < containerConcurrency)
      .sort((a, b) => a.outstanding - b.outstanding)[0];
  }

  async #run(slot: Slot, job: Job): Promise<void> {
    slot.outstanding++;
    job.attempts++;
    const container = slot.container as Container;
    const { onPart } = job.request;
    let hasParts = false;
    const noting = (part: InferencePart) => {
      hasParts = true;
      onPart?.(part);
    };
    const answer = await container.server.infer(
      onPart === undefined ? job.request : { ...job.request, onPart: noting },
    );
    if (answer.isLost) {
      // That it died is known a moment later; what is sent to it until then would be lost too.
      if (slot.container === container && !(await container.server.isHealthy())) slot.container = undefined;
      if (slot.container === undefined) container.kill();
      // What the caller has begun to read cannot begin again.
      if (job.attempts < maxAttempts && !job.isSettled && !hasParts) this.#queue.unshift(job);
      else job.settle(answer);
    } else {
      slot.deathsInARow = 0;
      job.settle(answer);
    }
    slot.outstanding--;
    if (slot.outstanding === 0) slot.onFree?.();
    this.#dispatch();
  }

  /** A container ended: unless it was meant to, another one takes its place, later and later while they keep ending. */
  #lost(slot: Slot, how: string): void {
    slot.container = undefined;
    if (!this.#slots.has(slot) || slot.isLeaving) return;
    this.#options.onLine(how);
    slot.deathsInARow += 1;
    const delayMs = slot.deathsInARow < 3 ? 0 : Math.min(10_000, 100 * 2 ** (slot.deathsInARow - 3));
    this.#later(delayMs, () => {
      if (!this.#slots.has(slot) || slot.isLeaving) return;
      this.#startSlot(slot).catch((error: Error) =>
        this.#lost(slot, `the container did not come back: ${error.message}`),
      );
    });
  }

  /** A container that runs but does not answer pings is ended, so that another one takes its place. Busy ones are left alone. */
  #watch(slot: Slot, container: Container): void {
    this.#later(pingEveryMs, async () => {
      if (slot.container !== container || slot.isLeaving) return;
      const isWell = slot.outstanding > 0 || (await container.server.isHealthy());
      slot.failedPings = isWell ? 0 : slot.failedPings + 1;
      if (slot.failedPings >= maxFailedPings) {
        this.#options.onLine(`the container did not answer ${maxFailedPings} pings in a row and is ended`);
        container.kill();
      } else this.#watch(slot, container);
    });
  }

  #later(delayMs: number, work: () => void): void {
    const cancel = this.#options.clock.schedule(delayMs, () => {
      this.#timers.delete(cancel);
      work();
    });
    this.#timers.add(cancel);
  }
}

// As AWS answers when a container gives no answer within its time.
const timedOut: ServerAnswer = {
  status: 0,
  body: Buffer.from("Your invocation timed out while waiting for a response from container primary."),
  contentType: "text/plain",
};

function unavailable(why: string): Fault {
  return new Fault("ServiceUnavailable", `The service is unavailable. Try your call again. (${why})`, { status: 503 });
}
