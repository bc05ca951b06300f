/** One published number: what it is, what it should be, what it was, and whether that is enough. */
export interface Row {
  name: string;
  value: number;
  unit: string;
  /** Absent for numbers that are only stated. */
  target?: string;
  meets?: boolean;
}

/** Prints rows as JSON with `--json`, else as lines; states the machine beside them. */
export function report(rows: Row[], machine: { node: string; cores: number; loadAverage: number }): void {
  if (process.argv.includes("--json")) {
    process.stdout.write(`${JSON.stringify({ machine, rows }, null, 2)}\n`);
    return;
  }
  process.stdout.write(`Node ${machine.node}, ${machine.cores} cores, load ${machine.loadAverage.toFixed(1)}\n`);
  for (const row of rows) {
    const verdict = row.target === undefined ? "" : `  target ${row.target}: ${row.meets ? "met" : "missed"}`;
    process.stdout.write(
      `${row.name.padEnd(44)} ${row.value.toFixed(row.value < 10 ? 2 : row.value < 100 ? 1 : 0).padStart(9)} ${row.unit}${verdict}\n`,
    );
  }
}

export function median(values: number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
