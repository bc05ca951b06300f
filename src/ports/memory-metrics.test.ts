import { memoryMetrics } from "./memory-metrics.ts";
import { metricsConformance } from "./metrics-conformance.ts";

metricsConformance("memory", () => {
  const metrics = memoryMetrics();
  return { metrics, setAlarm: metrics.setAlarm };
});
