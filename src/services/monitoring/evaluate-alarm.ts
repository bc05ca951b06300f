import type { AlarmState } from "../../ports/metrics.ts";

/** What of an alarm's settings decides about its state. */
export interface AlarmRule {
  threshold: number;
  operator: Comparison;
  evaluationPeriods: number;
  datapointsToAlarm: number;
  treatMissing: MissingTreatment;
}

export type Comparison = keyof typeof comparisons;
export type MissingTreatment = "missing" | "ignore" | "breaching" | "notBreaching";

export interface Datapoint {
  startMs: number;
  value: number;
}

export interface Verdict {
  /** `undefined`: it stays as it is. */
  state: AlarmState | undefined;
  /** The real datapoints that were looked at, newest first. */
  datapoints: Datapoint[];
  /** How many were made up, and as what. */
  missing: number;
}

const comparisons = {
  GreaterThanOrEqualToThreshold: {
    isBreach: (value: number, threshold: number) => value >= threshold,
    words: "greater than or equal to",
  },
  GreaterThanThreshold: { isBreach: (value: number, threshold: number) => value > threshold, words: "greater than" },
  LessThanThreshold: { isBreach: (value: number, threshold: number) => value < threshold, words: "less than" },
  LessThanOrEqualToThreshold: {
    isBreach: (value: number, threshold: number) => value <= threshold,
    words: "less than or equal to",
  },
};

export function isComparison(name: string | undefined): name is Comparison {
  return name !== undefined && Object.hasOwn(comparisons, name);
}

/**
 * CloudWatch looks at some periods more than the rule needs, so that late or missing datapoints do not change the state by
 * themselves: five for three in its manual's tables, which this follows.
 */
export const surplusPeriods = 2;

/** `datapoints`: the real ones of the last `evaluationPeriods + surplusPeriods` periods. */
export function evaluateAlarm(rule: AlarmRule, datapoints: readonly Datapoint[]): Verdict {
  const { evaluationPeriods, datapointsToAlarm, treatMissing } = rule;
  const latest = datapoints.toSorted((a, b) => b.startMs - a.startMs).slice(0, evaluationPeriods);
  const breaches = latest.filter(({ value }) => comparisons[rule.operator].isBreach(value, rule.threshold)).length;
  const missing = evaluationPeriods - latest.length;
  const verdict = (state: AlarmState | undefined): Verdict => ({ state, datapoints: latest, missing });
  if (breaches >= datapointsToAlarm) return verdict("ALARM");
  if (missing === 0) return verdict("OK");
  const isAllBreach = breaches === latest.length;
  switch (treatMissing) {
    case "breaching":
      return verdict(breaches + missing >= datapointsToAlarm ? "ALARM" : "OK");
    case "notBreaching":
      return verdict("OK");
    case "ignore":
      return verdict(isAllBreach ? undefined : "OK");
    case "missing":
      if (latest.length === 0) return verdict("INSUFFICIENT_DATA");
      return verdict(isAllBreach ? "ALARM" : "OK");
    default:
      return treatMissing satisfies never;
  }
}

/** In CloudWatch's words. */
export function reasonOf(rule: AlarmRule, { state, datapoints, missing }: Verdict): string {
  if (state === "INSUFFICIENT_DATA") {
    const count = rule.evaluationPeriods;
    return `Insufficient Data: ${count} ${count === 1 ? "datapoint was" : "datapoints were"} unknown.`;
  }
  const isAlarm = state === "ALARM";
  const transition = isAlarm ? "OK -> ALARM" : "ALARM -> OK";
  if (datapoints.length === 0) {
    const periods = `${rule.evaluationPeriods} ${rule.evaluationPeriods === 1 ? "period" : "periods"}`;
    const treated = isAlarm ? "Breaching" : "NonBreaching";
    const points = missing === 1 ? "1 missing datapoint was" : `${missing} missing datapoints were`;
    return `Threshold Crossed: no datapoints were received for ${periods} and ${points} treated as [${treated}].`;
  }
  const { isBreach, words } = comparisons[rule.operator];
  const telling = datapoints.filter(({ value }) => isBreach(value, rule.threshold) === isAlarm);
  const needed = isAlarm ? rule.datapointsToAlarm : rule.evaluationPeriods - rule.datapointsToAlarm + 1;
  const listed = telling.map(({ value, startMs }) => `${decimal(value)} (${shortTime(startMs)})`).join(", ");
  const was = `${telling.length === 1 ? "was" : "were"}${isAlarm ? "" : " not"}`;
  const minimum = `minimum ${needed} ${needed === 1 ? "datapoint" : "datapoints"} for ${transition} transition`;
  return `Threshold Crossed: ${telling.length} out of the last ${datapoints.length} datapoints [${listed}] ${was} ${words} the threshold (${decimal(rule.threshold)}) (${minimum}).`;
}

/** As CloudWatch writes numbers: 5 is 5.0. */
function decimal(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value);
}

/** Day first, two digits each. */
function shortTime(atMs: number): string {
  const [year = "", month, day] = new Date(atMs).toISOString().slice(0, 10).split("-");
  return `${day}/${month}/${year.slice(2)} ${new Date(atMs).toISOString().slice(11, 19)}`;
}
