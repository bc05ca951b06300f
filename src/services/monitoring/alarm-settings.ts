import type { MetricDataQuery, PutMetricAlarmInput } from "@aws-sdk/client-cloudwatch";
import type { MetricPoints } from "../../ports/metric-points.ts";
import { type AlarmRule, isComparison, type MissingTreatment } from "./evaluate-alarm.ts";
import { invalidCombination, invalidRequest, missingParameter } from "./faults.ts";
import { checkPeriod } from "./metric-input.ts";
import { metricQueries } from "./metric-queries.ts";
import { statisticOf } from "./statistic.ts";

const treatments: readonly MissingTreatment[] = ["missing", "ignore", "breaching", "notBreaching"];
/** As CloudWatch: a day, or a week with periods of an hour and more. */
const longestSeconds = 86_400;
const longestOfHoursSeconds = 7 * 86_400;

/** Refuses an alarm that could not be evaluated, or whose action could not be done. */
export function checkAlarm(settings: PutMetricAlarmInput, points: MetricPoints): void {
  const { Metrics, MetricName, Namespace, ComparisonOperator } = settings;
  if (settings.EvaluationCriteria !== undefined) {
    throw invalidRequest("EvaluationCriteria (PromQL) is not supported here (see COMPATIBILITY.md).");
  }
  if (settings.ThresholdMetricId !== undefined) {
    throw invalidRequest("Anomaly detection (ThresholdMetricId) is not supported here (see COMPATIBILITY.md).");
  }
  if (settings.EvaluationPeriods === undefined) throw missingParameter("The parameter EvaluationPeriods is required.");
  if (ComparisonOperator === undefined) throw missingParameter("The parameter ComparisonOperator is required.");
  if (!isComparison(ComparisonOperator)) {
    throw invalidRequest(
      `ComparisonOperator ${ComparisonOperator} needs anomaly detection, which is not supported here.`,
    );
  }
  if (settings.Threshold === undefined) throw missingParameter("The parameter Threshold is required.");
  if (!Number.isFinite(settings.Threshold)) throw invalidRequest("The parameter Threshold must be a number.");
  const treatment = settings.TreatMissingData;
  if (treatment !== undefined && !treatments.includes(treatment as MissingTreatment)) {
    throw invalidRequest(
      `TreatMissingData should be one of the following: [breaching, notBreaching, ignore, missing], not ${treatment}.`,
    );
  }
  if ((settings.DatapointsToAlarm ?? 1) > settings.EvaluationPeriods) {
    throw invalidRequest("DatapointsToAlarm must be less than or equal to EvaluationPeriods.");
  }
  if (Metrics === undefined || Metrics.length === 0) checkSingleMetric(settings);
  else {
    if (MetricName !== undefined || Namespace !== undefined || settings.Period !== undefined) {
      throw invalidCombination(
        "When Metrics is specified, MetricName, Namespace, Period, Statistic and Dimensions must not be.",
      );
    }
    if (Metrics.length > 20) throw invalidRequest("The collection Metrics must not have a size greater than 20.");
    if (Metrics.filter(({ ReturnData }) => ReturnData !== false).length !== 1) {
      throw invalidRequest("Exactly one element of the metrics list should return data.");
    }
  }
  const queries = metricQueries(queriesOf(settings), points);
  // What an expression gives shows only when it is worked out; here over a minute of long ago, which costs nothing.
  queries.results({ fromMs: 0, toMs: 60_000 });
  const { periodSeconds } = queries;
  const longest = periodSeconds >= 3600 ? longestOfHoursSeconds : longestSeconds;
  if (periodSeconds * settings.EvaluationPeriods > longest) {
    throw invalidRequest(`Metrics cannot be checked across more than ${longest} seconds (EvaluationPeriods * Period).`);
  }
  const { OKActions = [], AlarmActions = [], InsufficientDataActions = [] } = settings;
  for (const action of [...OKActions, ...AlarmActions, ...InsufficientDataActions]) checkAction(action);
}

function checkSingleMetric({ MetricName, Namespace, Period, Statistic, ExtendedStatistic }: PutMetricAlarmInput): void {
  const given = { MetricName, Namespace, Period };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) throw missingParameter(`The parameter ${name} is required.`);
  }
  if ((Statistic === undefined) === (ExtendedStatistic === undefined)) {
    throw invalidRequest("Exactly one of Statistic and ExtendedStatistic must be specified.");
  }
  if (ExtendedStatistic !== undefined && statisticOf(ExtendedStatistic) === undefined) {
    throw invalidRequest(`The value ${ExtendedStatistic} for parameter ExtendedStatistic is not supported.`);
  }
  checkPeriod(Period as number);
  if (Period === 1 || Period === 5) throw invalidRequest("Period must be 10, 20, 30 or a multiple of 60.");
}

/** Topics and functions are what an alarm can tell here. */
function checkAction(arn: string): void {
  if (!/^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$/.test(arn)) throw invalidRequest(`Invalid arn syntax: ${arn}`);
  if (actionKind(arn) === undefined) {
    throw invalidRequest(
      `The action ${arn} is not supported here (see COMPATIBILITY.md): alarms tell topics and functions.`,
    );
  }
}

export function actionKind(arn: string): "sns" | "lambda" | undefined {
  const service = arn.split(":")[2];
  return service === "sns" || service === "lambda" ? service : undefined;
}

/** An alarm on one metric as the query that it stands for. */
export function queriesOf(settings: PutMetricAlarmInput): MetricDataQuery[] {
  if (settings.Metrics !== undefined && settings.Metrics.length > 0) return settings.Metrics;
  const { MetricName, Namespace, Dimensions, Period, Statistic, ExtendedStatistic, Unit } = settings;
  const Metric = { MetricName, Namespace, Dimensions };
  return [{ Id: "m1", MetricStat: { Metric, Period, Stat: Statistic ?? ExtendedStatistic, Unit } }];
}

/** Of settings that were checked. */
export function ruleOf(settings: PutMetricAlarmInput): AlarmRule {
  const evaluationPeriods = settings.EvaluationPeriods as number;
  return {
    threshold: settings.Threshold as number,
    operator: settings.ComparisonOperator as AlarmRule["operator"],
    evaluationPeriods,
    datapointsToAlarm: settings.DatapointsToAlarm ?? evaluationPeriods,
    treatMissing: (settings.TreatMissingData as MissingTreatment | undefined) ?? "missing",
  };
}
