import type { Clock } from "../../ports/clock.ts";
import type { Events } from "../../ports/events.ts";
import type { Functions } from "../../ports/functions.ts";
import type { MetricPoints } from "../../ports/metric-points.ts";
import { metricRecorder } from "../../ports/metric-recorder.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Service } from "../../wire/service.ts";
import { alarmActions } from "./alarm-actions.ts";
import { alarmBook } from "./alarm-book.ts";
import { alarmEvaluator } from "./alarm-evaluator.ts";
import { alarmHandlers } from "./alarm-handlers.ts";
import { alarmTagHandlers } from "./alarm-tags.ts";
import { getMetricData } from "./get-metric-data.ts";
import { getMetricStatistics } from "./get-metric-statistics.ts";
import { listMetrics } from "./list-metrics.ts";
import { putMetricData } from "./put-metric-data.ts";
import { retention } from "./retention.ts";

export interface MonitoringOptions {
  points: MetricPoints;
  resources: Resources;
  clock: Clock;
  functions: Functions;
  operations: Operations;
  events: Events;
  /** Told of what was dropped and of bugs. */
  report: (line: string, error?: unknown) => void;
  mostMetrics: number;
  mostAlarms: number;
}

export interface MonitoringService {
  service: Service;
  /** The port by which services say how they do and ask for alarms. */
  metrics: Metrics;
  close(): Promise<void>;
}

/** Amazon CloudWatch: metrics, math over them, and alarms that watch them. */
export function monitoringService(options: MonitoringOptions): MonitoringService {
  const recorder = metricRecorder(options);
  const { flush } = recorder;
  const actions = alarmActions({ ...options, note: (item) => alarms.note(item) });
  const alarms = alarmBook({ ...options, onTransition: actions.tell });
  const evaluator = alarmEvaluator({ ...options, alarms, flush });
  const sweeper = retention(options);
  return {
    service: {
      name: "monitoring",
      handlers: {
        PutMetricData: putMetricData(options),
        GetMetricData: getMetricData({ ...options, flush }),
        GetMetricStatistics: getMetricStatistics({ ...options, flush }),
        ListMetrics: listMetrics({ ...options, flush }),
        ...alarmHandlers({ ...options, alarms, onPut: evaluator.wake }),
        ...alarmTagHandlers(alarms),
      },
    },
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
    async close() {
      sweeper.close();
      evaluator.close();
      await actions.close();
      await recorder.close();
    },
  };
}
