import { executionsConformance } from "./executions-conformance.ts";
import { logsConformance } from "./logs-conformance.ts";
import { metricPointsConformance } from "./metric-points-conformance.ts";
import { resourcesConformance } from "./resources-conformance.ts";
import type { Store } from "./store.ts";

/** What every store must do. `open` makes a fresh one each time; the suite closes it. */
export function storeConformance(name: string, open: () => Store): void {
  executionsConformance(name, open);
  resourcesConformance(name, open);
  logsConformance(name, open);
  metricPointsConformance(name, open);
}
