import type { Clock } from "../../ports/clock.ts";
import type { MetricPoints } from "../../ports/metric-points.ts";
import type { AlarmBook, AlarmRecord } from "./alarm-book.ts";
import { alarmTime } from "./alarm-messages.ts";
import { queriesOf, ruleOf } from "./alarm-settings.ts";
import { type AlarmRule, evaluateAlarm, reasonOf, surplusPeriods, type Verdict } from "./evaluate-alarm.ts";
import { metricQueries } from "./metric-queries.ts";

export interface AlarmEvaluatorOptions {
  alarms: AlarmBook;
  points: MetricPoints;
  clock: Clock;
  /** Makes visible what services have recorded. */
  flush: () => Promise<void>;
  report: (line: string, error?: unknown) => void;
}

export interface AlarmEvaluator {
  /** Alarms were added or changed. */
  wake(): void;
  close(): void;
}

const minuteMs = 60_000;
/** Alarms with periods below a minute are looked at this often. */
const shortMs = 10_000;

/** Looks at every alarm when a minute ends (at those of high resolution every ten seconds): its window ends there. */
export function alarmEvaluator({ alarms, points, clock, flush, report }: AlarmEvaluatorOptions): AlarmEvaluator {
  let armed: { dueMs: number; cancel: () => void } | undefined;
  let isClosed = false;

  /** Only while there is something to look at. */
  function wake(): void {
    if (isClosed) return;
    const steps = alarms.all().map(stepOf);
    if (steps.length === 0) return;
    const stepMs = Math.min(...steps);
    const dueMs = (Math.floor(clock.now() / stepMs) + 1) * stepMs;
    if (armed !== undefined && armed.dueMs <= dueMs) return;
    armed?.cancel();
    armed = { dueMs, cancel: clock.schedule(dueMs - clock.now(), () => void look(dueMs)) };
  }

  async function look(nowMs: number): Promise<void> {
    armed = undefined;
    try {
      await flush();
      for (const { settings } of alarms.all()) {
        if (isClosed) return;
        // It may have been changed or deleted meanwhile.
        const alarm = alarms.get(settings.AlarmName as string);
        if (alarm !== undefined && nowMs % stepOf(alarm) === 0) evaluateOne(alarm, nowMs);
        // Other work of the server goes between two alarms.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } catch (error) {
      report("alarms could not be evaluated", error);
    } finally {
      wake();
    }
  }

  function evaluateOne({ settings, state }: AlarmRecord, toMs: number): void {
    const rule = ruleOf(settings);
    const queries = metricQueries(queriesOf(settings), points);
    const periodMs = queries.periodSeconds * 1000;
    const fromMs = toMs - (rule.evaluationPeriods + surplusPeriods) * periodMs;
    const [result] = queries.results({ fromMs, toMs, isAligned: false });
    const datapoints = [...(result?.series.values ?? [])].map(([startMs, value]) => ({ startMs, value }));
    const verdict = evaluateAlarm(rule, datapoints);
    if (verdict.state === undefined || verdict.state === state) return;
    alarms.change(settings.AlarmName as string, {
      state: verdict.state,
      reason: reasonOf(rule, verdict),
      reasonData: reasonData({ settings, rule, verdict, nowMs: toMs, periodSeconds: queries.periodSeconds }),
    });
  }

  wake();
  return {
    wake,
    close() {
      isClosed = true;
      armed?.cancel();
    },
  };
}

function stepOf({ settings }: AlarmRecord): number {
  const periods = queriesOf(settings).flatMap(({ MetricStat }) => MetricStat?.Period ?? []);
  return Math.max(...periods) < 60 ? shortMs : minuteMs;
}

function reasonData(about: {
  settings: AlarmRecord["settings"];
  rule: AlarmRule;
  verdict: Verdict;
  nowMs: number;
  periodSeconds: number;
}): string {
  const { settings, rule, verdict, nowMs, periodSeconds } = about;
  const { Statistic, ExtendedStatistic, Unit } = settings;
  const oldest = verdict.datapoints.at(-1);
  return JSON.stringify({
    version: "1.0",
    queryDate: alarmTime(nowMs),
    ...(oldest === undefined ? {} : { startDate: alarmTime(oldest.startMs) }),
    ...(Unit === undefined ? {} : { unit: Unit }),
    ...(Statistic === undefined ? {} : { statistic: Statistic }),
    ...(ExtendedStatistic === undefined ? {} : { extendedStatistic: ExtendedStatistic }),
    period: periodSeconds,
    recentDatapoints: verdict.datapoints.map(({ value }) => value).reverse(),
    threshold: rule.threshold,
    evaluatedDatapoints: verdict.datapoints.map(({ startMs, value }) => ({ timestamp: alarmTime(startMs), value })),
  });
}
