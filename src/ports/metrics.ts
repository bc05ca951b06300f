/** Numbers over time: services say how they do, CloudWatch keeps and watches it. */
export interface Metrics {
  /**
   * Counts one observation now. Costs a few additions, never waits and never throws: observations are added up in memory and
   * written within seconds, those of the last seconds before a crash are lost. Hand over the same `metric` object each time
   * where calls are many: it is looked up by identity first.
   */
  record(metric: RecordedMetric, value: number, options?: { count?: number }): void;
  /** The state of each alarm that exists among the names. */
  alarmStates(names: readonly string[]): Map<string, AlarmState>;
  /** Tells of every change of an alarm's state after it is durable; the returned function ends that. */
  onAlarmChange(listener: (change: AlarmChange) => void): () => void;
}

export type AlarmState = "OK" | "ALARM" | "INSUFFICIENT_DATA";

export interface AlarmChange {
  name: string;
  before: AlarmState;
  after: AlarmState;
}

/** What is observed; equal namespace, name and dimensions are one metric. */
export interface Metric {
  /** Such as `AWS/SageMaker`. */
  namespace: string;
  name: string;
  dimensions: Readonly<Record<string, string>>;
}

export interface RecordedMetric extends Metric {
  /** CloudWatch's word, such as `Count`, `Milliseconds` or `Microseconds`. */
  unit: string;
}
