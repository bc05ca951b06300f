import type { AlarmChange, AlarmState, Metrics, RecordedMetric } from "./metrics.ts";

/** Metrics that a test can read, and alarms that it can set. */
export interface MemoryMetrics extends Metrics {
  recorded: { metric: RecordedMetric; value: number; count: number }[];
  setAlarm(name: string, state: AlarmState): void;
}

export function memoryMetrics(): MemoryMetrics {
  const recorded: MemoryMetrics["recorded"] = [];
  const alarms = new Map<string, AlarmState>();
  const listeners = new Set<(change: AlarmChange) => void>();
  return {
    recorded,
    record: (metric, value, { count = 1 } = {}) => void recorded.push({ metric, value, count }),
    alarmStates: (names) => new Map([...alarms].filter(([name]) => names.includes(name))),
    onAlarmChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    setAlarm(name, after) {
      const before = alarms.get(name) ?? "INSUFFICIENT_DATA";
      alarms.set(name, after);
      if (before !== after) for (const listener of listeners) listener({ name, before, after });
    },
  };
}
