import type { Metrics, RecordedMetric } from "../../ports/metrics.ts";

/** What CloudWatch shows of functions, in the namespace and with the names of AWS. */
export interface FunctionMetrics {
  /** Returns what says that it has ended, however it did. */
  began(functionName: string): () => void;
  /** While it is still under way. */
  ran(functionName: string, run: { durationMs: number; isError: boolean }): void;
  throttled(functionName: string): void;
}

type Name = "Invocations" | "Errors" | "Duration" | "Throttles" | "ConcurrentExecutions";

/** More functions than a server has; beyond it the objects are made anew. */
const maxKnown = 10_000;

export function functionMetrics(metrics: Metrics): FunctionMetrics {
  // The same objects each time: the port finds them by identity.
  const known = new Map<string, Record<Name, RecordedMetric>>();

  function of(functionName: string): Record<Name, RecordedMetric> {
    const found = known.get(functionName);
    if (found !== undefined) return found;
    const metric = (name: Name, unit: string): RecordedMetric => ({
      ...{ namespace: "AWS/Lambda", name, unit, dimensions: { FunctionName: functionName } },
    });
    const made = {
      Invocations: metric("Invocations", "Count"),
      Errors: metric("Errors", "Count"),
      Duration: metric("Duration", "Milliseconds"),
      Throttles: metric("Throttles", "Count"),
      ConcurrentExecutions: metric("ConcurrentExecutions", "Count"),
    };
    if (known.size < maxKnown) known.set(functionName, made);
    return made;
  }

  const underWay = new Map<string, number>();
  const add = (functionName: string, change: 1 | -1): void => {
    const count = (underWay.get(functionName) ?? 0) + change;
    if (count > 0) underWay.set(functionName, count);
    else underWay.delete(functionName);
  };

  return {
    began(functionName) {
      add(functionName, 1);
      return () => add(functionName, -1);
    },
    ran(functionName, { durationMs, isError }) {
      const { Invocations, Errors, Duration, Throttles, ConcurrentExecutions } = of(functionName);
      metrics.record(Invocations, 1);
      metrics.record(Errors, isError ? 1 : 0);
      metrics.record(Duration, durationMs);
      metrics.record(Throttles, 0);
      // The first of many to end tells of them all, so the maximum of a minute is what it should be.
      metrics.record(ConcurrentExecutions, underWay.get(functionName) ?? 1);
    },
    throttled: (functionName) => metrics.record(of(functionName).Throttles, 1),
  };
}
