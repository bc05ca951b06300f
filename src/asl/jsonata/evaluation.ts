import type { Random } from "../evaluation.ts";

/** What one evaluation has used and may use, bound under a name that no expression can write. */
export interface Evaluation {
  steps: number;
  depth: number;
  readonly random: Random;
  readonly nowMs: number;
}

export const evaluationName = "\u0000evaluation";
