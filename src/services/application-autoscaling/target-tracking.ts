/*
 * Target tracking: as many instances as bring the metric per instance to its target. Pure: it is given what was measured.
 *
 * As on AWS, scaling out is quick and scaling in is slow: in only after the metric has stayed below nine tenths of the target
 * for fifteen minutes, and neither way within the cooldown of the last time. AWS waits three minutes before it scales out,
 * because its metrics come by the minute; here the last minute is enough.
 */

export interface Sample {
  atMs: number;
  /** The metric of all instances together. */
  total: number;
}

export interface TrackingPolicy {
  targetValue: number;
  scaleOutCooldownMs: number;
  scaleInCooldownMs: number;
  mayScaleIn: boolean;
}

export interface TrackingState {
  instances: number;
  min: number;
  max: number;
  lastScaledMs?: number;
}

/** Samples older than this are of no use. */
export const rememberedMs = 15 * 60_000;
const scaleOutWindowMs = 60_000;
const scaleInBelow = 0.9;

export interface Decision {
  instances: number;
  /** Per instance, as it was measured. */
  value: number;
}

/** `undefined`: stay. */
export function trackTarget(
  samples: readonly Sample[],
  policy: TrackingPolicy,
  { instances, min, max, lastScaledMs }: TrackingState,
): Decision | undefined {
  const nowMs = samples.at(-1)?.atMs;
  if (nowMs === undefined) return undefined;
  const recent = samples.filter(({ atMs }) => atMs > nowMs - scaleOutWindowMs);
  const average = recent.reduce((sum, { total }) => sum + total, 0) / recent.length;
  const value = average / instances;
  if (instances < min || instances > max) return { instances: Math.min(max, Math.max(min, instances)), value };
  const wanted = Math.min(max, Math.max(min, Math.ceil(average / policy.targetValue - 1e-9)));
  const sinceMs = lastScaledMs === undefined ? Number.POSITIVE_INFINITY : nowMs - lastScaledMs;
  if (wanted > instances) return sinceMs >= policy.scaleOutCooldownMs ? { instances: wanted, value } : undefined;
  if (wanted === instances || !policy.mayScaleIn || sinceMs < policy.scaleInCooldownMs) return undefined;
  const isLongEnough = (samples[0] as Sample).atMs <= nowMs - rememberedMs;
  const wasLowThroughout = samples.every(({ total }) => total / instances < scaleInBelow * policy.targetValue);
  return isLongEnough && wasLowThroughout ? { instances: wanted, value } : undefined;
}
