import type { Clock } from "../../ports/clock.ts";
import type { MetricPoints } from "../../ports/metric-points.ts";
import { metricRecorder } from "../../ports/metric-recorder.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Service } from "../../wire/service.ts";
import { alarmBook } from "./alarm-book.ts";

export interface MonitoringOptions {
  points: MetricPoints;
  resources: Resources;
  clock: Clock;
  /** Told of what was dropped and of bugs. */
  report: (line: string, error?: unknown) => void;
  mostMetrics: number;
}

export interface MonitoringService {
  service: Service;
  /** The port by which services say how they do and ask for alarms. */
  metrics: Metrics;
  close(): Promise<void>;
}

/** Amazon CloudWatch: metrics and their alarms. */
export function monitoringService(options: MonitoringOptions): MonitoringService {
  const alarms = alarmBook(options);
  const recorder = metricRecorder(options);
  return {
    service: { name: "monitoring", handlers: {} },
    metrics: {
      record: recorder.record,
      alarmStates: (names) =>
        new Map(
          names.flatMap((name) => {
            const alarm = alarms.get(name);
            return alarm ? [[name, alarm.state] as const] : [];
          }),
        ),
      onAlarmChange: alarms.onChange,
    },
    close: recorder.close,
  };
}
