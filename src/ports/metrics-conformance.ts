import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { AlarmState, Metrics } from "./metrics.ts";

export interface OpenedMetrics {
  metrics: Metrics;
  /** Makes the alarm if need be. */
  setAlarm(name: string, state: AlarmState): void;
}

/** What everybody who hands out `Metrics` must do. */
export function metricsConformance(name: string, open: (context: TestContext) => OpenedMetrics): void {
  test(`${name}: only alarms that exist have a state`, (context) => {
    const { metrics, setAlarm } = open(context);
    setAlarm("one", "OK");
    setAlarm("two", "ALARM");
    assert.deepEqual(metrics.alarmStates(["two", "none"]), new Map([["two", "ALARM"]]));
  });

  test(`${name}: a change of an alarm is told once, with the state before and after`, (context) => {
    const { metrics, setAlarm } = open(context);
    setAlarm("one", "OK");
    const changes: object[] = [];
    const stop = metrics.onAlarmChange((change) => void changes.push(change));
    setAlarm("one", "ALARM");
    setAlarm("one", "ALARM");
    stop();
    setAlarm("one", "OK");
    assert.deepEqual(changes, [{ name: "one", before: "OK", after: "ALARM" }]);
  });

  test(`${name}: recording never throws`, (context) => {
    const { metrics } = open(context);
    const metric = { namespace: "n", name: "m", dimensions: {}, unit: "Count" };
    for (const value of [1, Number.NaN, -1e300]) metrics.record(metric, value);
  });
}
