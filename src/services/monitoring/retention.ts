import type { Clock } from "../../ports/clock.ts";
import type { MetricPoints } from "../../ports/metric-points.ts";

/** As CloudWatch for these resolutions; it keeps coarser ones for longer, which Scones does not. */
const keptMs = { 1: 3 * 3_600_000, 60: 15 * 86_400_000 } as const;
const sweepMs = 600_000;
/** Points that one transaction drops. */
const portion = 1000;

/** Drops old points now and then. */
export function retention(options: {
  points: MetricPoints;
  clock: Clock;
  report: (line: string, error?: unknown) => void;
}) {
  const { points, clock, report } = options;
  let cancel = clock.schedule(sweepMs, () => void sweep());
  let isClosed = false;

  async function sweep(): Promise<void> {
    try {
      for (const resolutionSeconds of [1, 60] as const) {
        const beforeMs = clock.now() - keptMs[resolutionSeconds];
        while (!isClosed && (await points.forget({ resolutionSeconds, beforeMs, limit: portion })) === portion);
      }
    } catch (error) {
      report("old metrics could not be dropped", error);
    }
    if (!isClosed) cancel = clock.schedule(sweepMs, () => void sweep());
  }

  return {
    close() {
      isClosed = true;
      cancel();
    },
  };
}
