import type { MeasuredDrift } from "./drift-verdict.ts";
import { chiSquare } from "./two-sample-tests.ts";

/** What is expected less often than this in the smaller sample is counted together: the test's p-value needs some of each. */
const fewestExpected = 2;

/** Whether categories come as often as before; undefined when one side is empty. */
export function categoryDrift(
  reference: ReadonlyMap<string, number>,
  window: ReadonlyMap<string, number>,
): Omit<MeasuredDrift, "feature" | "family"> | undefined {
  const [n, m] = [sumOf(reference), sumOf(window)];
  if (n === 0 || m === 0) return undefined;
  const names = [...new Set([...reference.keys(), ...window.keys()])];
  const pairs = names.map((category) => ({
    category,
    expected: reference.get(category) ?? 0,
    actual: window.get(category) ?? 0,
  }));
  const isRare = ({ expected, actual }: { expected: number; actual: number }): boolean =>
    ((expected + actual) * Math.min(n, m)) / (n + m) < fewestExpected;
  const [rare, frequent] = [pairs.filter(isRare), pairs.filter((pair) => !isRare(pair))];
  const rest = { expected: 0, actual: 0 };
  for (const { expected, actual } of rare) {
    rest.expected += expected;
    rest.actual += actual;
  }
  const cells = rare.length === 0 ? frequent : [...frequent, rest];
  const changes = pairs.map(({ category, expected, actual }) => ({
    category,
    before: expected / n,
    after: actual / m,
  }));
  const largest = changes.reduce((a, b) => (Math.abs(b.after - b.before) > Math.abs(a.after - a.before) ? b : a));
  // The deviation of belonging to that category or not, as both samples together have it.
  const share = (largest.before * n + largest.after * m) / (n + m);
  const deviation = Math.sqrt(share * (1 - share));
  return {
    p: chiSquare(
      cells.map(({ expected }) => expected),
      cells.map(({ actual }) => actual),
    ).p,
    effect: deviation > 0 ? Math.abs(largest.after - largest.before) / deviation : 0,
    direction: 0,
    ...largest,
  };
}

function sumOf(counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}
