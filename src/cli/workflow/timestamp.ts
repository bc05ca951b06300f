/** `base-YYYY-MM-DD-HH-MM-SS-mmm`, as the SageMaker SDK names jobs. */
export function timestampedName(base: string, nowMs: number): string {
  return `${base}-${new Date(nowMs).toISOString().replace(/[T:.]/g, "-").replace("Z", "")}`;
}
