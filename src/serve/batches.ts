/**
 * Natural batching: answers a function that takes items as they come; `run` gets what has come while it was busy, in order and
 * at most `maxBatch` at once, and is never called before it has ended.
 */
export function batches<T>(maxBatch: number, run: (items: T[]) => Promise<void>): (items: readonly T[]) => void {
  const waiting: T[] = [];
  let isBusy = false;
  const next = (): void => {
    // After the turn of the event loop in which they came: what lies ready to be read belongs to the batch.
    setImmediate(() => {
      void run(waiting.splice(0, maxBatch)).then(() => {
        isBusy = waiting.length > 0;
        if (isBusy) next();
      });
    });
  };
  return (items) => {
    waiting.push(...items);
    if (isBusy || waiting.length === 0) return;
    isBusy = true;
    next();
  };
}
