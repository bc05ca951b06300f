import {
  decimalText,
  type Fields,
  fieldsOf,
  MonitoringFileError,
  monitoringFile,
} from "../data-quality/monitoring-file.ts";
import type { Metric, MetricsGroup, QualityReport } from "./quality-report.ts";

/** `constraints.json` of a model quality job, in AWS's spelling; one of the three groups is there. */
export interface QualityConstraints {
  version: number;
  binary_classification_constraints?: Record<string, QualityConstraint>;
  multiclass_classification_constraints?: Record<string, QualityConstraint>;
  regression_constraints?: Record<string, QualityConstraint>;
}

export interface QualityConstraint {
  threshold: number;
  /** Which side of the threshold is a violation. */
  comparison_operator: ComparisonOperator;
}

export type ComparisonOperator = "LessThanThreshold" | "GreaterThanThreshold";

/** `constraint_violations.json` of a model quality job. */
export interface QualityViolations {
  violations: { constraint_check_type: ComparisonOperator; description: string; metric_name: string }[];
}

const groups = {
  binary_classification_metrics: "binary_classification_constraints",
  multiclass_classification_metrics: "multiclass_classification_constraints",
  regression_metrics: "regression_constraints",
} as const satisfies Record<MetricsGroup, keyof QualityConstraints>;

/** Of these more is worse. */
const errors = new Set(["mae", "mse", "rmse", "false_positive_rate", "false_negative_rate"]);

/** What a model must keep up: every metric at its value now. The constant classifiers only tell how hard the data is. */
export function suggestQualityConstraints(report: QualityReport): QualityConstraints {
  const group = groupOf(report);
  const constraints = metricsIn(report)
    .filter(([name]) => !name.endsWith("_best_constant_classifier"))
    .map(([name, { value }]) => {
      const comparison_operator = errors.has(name) ? "GreaterThanThreshold" : "LessThanThreshold";
      return [name, { threshold: value, comparison_operator }] as const;
    });
  return { version: 0, [groups[group]]: Object.fromEntries(constraints) };
}

/** Reads the constraints of a model quality job; unknown members are left alone. Throws `MonitoringFileError`. */
export function parseQualityConstraints(text: string): QualityConstraints {
  const file = fieldsOf(monitoringFile("constraints.json", text));
  const found = Object.values(groups).flatMap((name) => {
    const group = file.object(name);
    return group === undefined ? [] : [[name, constraintsIn(group)] as const];
  });
  if (found.length === 0)
    throw new MonitoringFileError(
      `constraints.json has none of ${Object.values(groups).join(", ")}: these are no constraints of a model quality job`,
    );
  return { version: file.number("version") ?? 0, ...Object.fromEntries(found) };
}

/** The metrics that are on the wrong side of their threshold; a metric that the report lacks is not judged. */
export function findQualityViolations(report: QualityReport, constraints: QualityConstraints): QualityViolations {
  const metrics = new Map(metricsIn(report));
  const expected = constraints[groups[groupOf(report)]] ?? {};
  const violations = Object.entries(expected).flatMap(([metric_name, { threshold, comparison_operator }]) => {
    const metric = metrics.get(metric_name);
    if (metric === undefined || !isViolated(metric.value, { threshold, comparison_operator })) return [];
    const found = `${decimalText(metric.value)} +/- ${decimalText(metric.standard_deviation)}`;
    const description = `Metric ${metric_name} with ${found} was ${comparison_operator} '${decimalText(threshold)}'`;
    return [{ constraint_check_type: comparison_operator, description, metric_name }];
  });
  return { violations };
}

/** Every single number of a report, for CloudWatch. */
export function qualityMetricPoints(report: QualityReport): { name: string; value: number }[] {
  return metricsIn(report).map(([name, { value }]) => ({ name, value }));
}

function isViolated(value: number, { threshold, comparison_operator }: QualityConstraint): boolean {
  return comparison_operator === "LessThanThreshold" ? value < threshold : value > threshold;
}

function constraintsIn(group: Fields): Record<string, QualityConstraint> {
  return Object.fromEntries(
    group.names().map((name) => {
      const constraint = group.required(name, group.object(name));
      const operator = constraint.choice("comparison_operator", ["LessThanThreshold", "GreaterThanThreshold"]);
      return [
        name,
        {
          threshold: constraint.required("threshold", constraint.number("threshold")),
          comparison_operator: constraint.required("comparison_operator", operator),
        },
      ];
    }),
  );
}

function groupOf(report: QualityReport): MetricsGroup {
  const group = (Object.keys(groups) as MetricsGroup[]).find((name) => report[name] !== undefined);
  if (group === undefined) throw new MonitoringFileError("the report has no metrics");
  return group;
}

/** Without the matrix and the curves. */
function metricsIn(report: QualityReport): [string, Metric][] {
  return Object.entries(report[groupOf(report)] ?? {}).filter(
    (entry): entry is [string, Metric] => "value" in entry[1],
  );
}
