import type { Metrics } from "./classification.ts";
import type { Judgement } from "./judgement.ts";

/** Mean absolute and squared error, its root, and the share of the variance that is explained. */
export function regressionMetrics(judgements: readonly Judgement[]): Metrics {
  const count = judgements.length;
  const pairs = judgements.map(({ actual, predicted }) => [Number(actual), Number(predicted)] as const);
  const meanOf = (value: (pair: readonly [number, number]) => number): number =>
    pairs.reduce((sum, pair) => sum + value(pair), 0) / count;
  const centre = meanOf(([actual]) => actual);
  const [mse, variance] = [meanOf(([a, p]) => (a - p) ** 2), meanOf(([a]) => (a - centre) ** 2)];
  return {
    mae: meanOf(([actual, predicted]) => Math.abs(actual - predicted)),
    mse,
    rmse: Math.sqrt(mse),
    // Of a constant truth there is no variance to explain: perfect is 1, everything else is none.
    r2: variance === 0 ? Number(mse === 0) : 1 - mse / variance,
  };
}
