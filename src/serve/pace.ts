/** Below it, what waits for us between two runs of a worker is a noticeable part of a run. */
const fastBatchMs = 25;
/** On busy cores we get our turn within a few slices of the scheduler. */
const turnMs = 20;
const mostAhead = 14;
/** Of the newest observation in the running mean. */
const newShare = 0.1;

/** How long workers take for a picture, in the mean over the last ones. */
export class Pace {
  readonly #now: () => number;
  readonly #since = new WeakMap<object, number>();
  #perPictureMs: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A worker that was idle has got work. */
  begin(worker: object): void {
    this.#since.set(worker, this.#now());
  }

  /** It has answered so many pictures, and goes on if there are more. */
  end(worker: object, pictures: number): void {
    const now = this.#now();
    const observedMs = (now - (this.#since.get(worker) ?? now)) / Math.max(1, pictures);
    this.#since.set(worker, now);
    this.#perPictureMs ??= observedMs;
    this.#perPictureMs += (observedMs - this.#perPictureMs) * newShare;
  }

  /**
   * How many pictures a worker that runs batches of so many should have beside the ones it runs: none when a batch takes
   * long or nothing was observed yet, else at least another batch, and enough with it to last until we get our turn again.
   */
  ahead(batch: number): number {
    const perPictureMs = this.#perPictureMs;
    if (perPictureMs === undefined || perPictureMs * batch >= fastBatchMs) return 0;
    return Math.max(batch, Math.min(mostAhead, Math.floor(turnMs / perPictureMs) - batch));
  }
}
