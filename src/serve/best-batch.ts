/** A batch that is slower by so much per picture is as good when it is smaller: its pictures are answered earlier. */
const worthwhileGain = 0.03;
/** The best of so many runs of each size, so that a busy machine misleads less. */
const trials = 3;
/** Of a network that is so slow the trials would take longer than loading it. */
const maxTrialMs = 250;

/**
 * The smallest batch whose time per picture is about as good as any: eight pictures of a network with large layers make it a
 * quarter faster, and one with large pictures slower, because they no longer fit into the processor's cache.
 */
export async function bestBatch(
  maxBatch: number,
  { run, now }: { run: (size: number) => Promise<unknown>; now: () => number },
): Promise<number> {
  const timed: { size: number; perPictureMs: number }[] = [];
  for (let size = 1; size <= maxBatch; size *= 2) {
    let bestMs = Number.POSITIVE_INFINITY;
    for (let trial = 0; trial < trials && (trial === 0 || bestMs < maxTrialMs); trial++) {
      const begunAt = now();
      await run(size);
      bestMs = Math.min(bestMs, now() - begunAt);
    }
    timed.push({ size, perPictureMs: bestMs / size });
    if (bestMs > maxTrialMs) break;
  }
  const least = Math.min(...timed.map(({ perPictureMs }) => perPictureMs));
  return timed.find(({ perPictureMs }) => perPictureMs <= least * (1 + worthwhileGain))?.size ?? 1;
}
