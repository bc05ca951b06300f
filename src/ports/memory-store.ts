import type { Clock } from "./clock.ts";
import { memoryExecutions } from "./memory-executions.ts";
import { memoryLogs } from "./memory-logs.ts";
import { memoryMetricPoints } from "./memory-metric-points.ts";
import { memoryResources } from "./memory-resources.ts";
import type { Store } from "./store.ts";

/** A store that forgets: for tests, and for express executions, which nobody can ask about later. */
export function memoryStore({ clock }: { clock: Clock }): Store {
  return {
    executions: memoryExecutions(),
    resources: memoryResources(clock),
    logs: memoryLogs(clock),
    metrics: memoryMetricPoints(),
    close: () => {},
  };
}
