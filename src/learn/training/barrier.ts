// Where the workers of one training meet. All control words lie in one shared array.
//
// T1. Whoever waits is let go: by the last one to arrive, or by `abort` when one can arrive no more.

export const controlWords = 8;
const arrived = 0;
const generation = 1;
const aborted = 2;
const stopAsked = 3;
const stopAgreed = 4;

export class AbortedError extends Error {
  override readonly name = "AbortedError";
}

export interface Meeting {
  /** Returns when all have called it. */
  barrier(): void;
  abort(): void;
  isAborted(): boolean;
  /** Asks for an end after a step; may be called by anyone at any time. */
  askToStop(): void;
  /** To be called by one worker between two barriers: after the second all see the same answer. */
  agreeOnStop(): void;
  isStopping(): boolean;
}

export function meeting(control: Int32Array<SharedArrayBuffer>, workers: number): Meeting {
  const throwIfAborted = () => {
    if (Atomics.load(control, aborted) !== 0) throw new AbortedError("another worker of this training has failed");
  };
  return {
    barrier() {
      throwIfAborted();
      const current = Atomics.load(control, generation);
      if (Atomics.add(control, arrived, 1) + 1 === workers) {
        Atomics.store(control, arrived, 0);
        Atomics.add(control, generation, 1);
        Atomics.notify(control, generation);
        return;
      }
      while (Atomics.load(control, generation) === current) {
        throwIfAborted();
        Atomics.wait(control, generation, current, 500);
      }
    },
    abort() {
      Atomics.store(control, aborted, 1);
      Atomics.notify(control, generation);
    },
    isAborted: () => Atomics.load(control, aborted) !== 0,
    askToStop: () => void Atomics.store(control, stopAsked, 1),
    agreeOnStop: () => void Atomics.store(control, stopAgreed, Atomics.load(control, stopAsked)),
    isStopping: () => Atomics.load(control, stopAgreed) !== 0,
  };
}
