/** The only door to time and randomness: tests drive it, and recovery is exact because what it said is journalled. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls back once after `delayMs` (any length); the returned function cancels it. */
  schedule(delayMs: number, callback: () => void): () => void;
  /** A version 4 UUID. */
  uuid(): string;
  /** Uniform in [0, 1). */
  random(): number;
}
