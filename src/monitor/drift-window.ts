import type { CaptureRecord } from "./capture-record.ts";

/** Fewer say nothing that is worth an alarm. */
const fewestOfWindow = 10;
const fewestOfReference = 20;
/** Of either side; more are taken at even distances. A test of a thousand against a thousand sees a twentieth of a deviation. */
const most = 1000;

export interface DriftWindow {
  reference: CaptureRecord[];
  window: CaptureRecord[];
}

/**
 * The latest records as the window, and what they are compared with: the reference, or else everything before them, of which the
 * window leaves at least two thirds. Undefined when there are too few to compare.
 */
export function driftWindow(
  records: readonly CaptureRecord[],
  { size, reference }: { size: number; reference?: readonly CaptureRecord[] },
): DriftWindow | undefined {
  const ordered = records.toSorted((a, b) => a.inferenceTimeMs - b.inferenceTimeMs);
  const count = Math.min(size, reference ? ordered.length : Math.floor(ordered.length / 3));
  const window = count === 0 ? [] : ordered.slice(-count);
  const before = reference ?? ordered.slice(0, ordered.length - count);
  if (window.length < fewestOfWindow || before.length < fewestOfReference) return undefined;
  return { reference: spread(before), window: spread(window) };
}

function spread(records: readonly CaptureRecord[]): CaptureRecord[] {
  if (records.length <= most) return [...records];
  return Array.from({ length: most }, (_, i) => records[Math.floor((i * records.length) / most)] as CaptureRecord);
}
