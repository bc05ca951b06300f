import { type BaselineDrift, baselineDrift } from "./baseline-drift.ts";
import { type Constraints, configOf, type FeatureConstraints, type MonitoringConfig } from "./constraints-file.ts";
import { decimalText } from "./monitoring-file.ts";
import type { FeatureProfile, Profile } from "./profile.ts";
import type { FeatureStatistics, Statistics } from "./statistics-file.ts";

/** `constraint_violations.json`, in AWS's spelling. */
export interface Violations {
  violations: Violation[];
}

export interface Violation {
  feature_name: string;
  constraint_check_type: CheckType;
  description: string;
}

export type CheckType =
  | "data_type_check"
  | "completeness_check"
  | "baseline_drift_check"
  | "missing_column_check"
  | "extra_column_check"
  | "categorical_values_check";

export interface MonitoredData {
  profile: Profile;
  constraints: Constraints;
  /** Without it no drift is looked for. */
  baselineStatistics?: Statistics;
}

/** Checks the profile of a window against constraints and baseline, columns first, then feature by feature as the constraints list them. */
export function findViolations({ profile, constraints, baselineStatistics }: MonitoredData): Violations {
  if (constraints.monitoring_config.evaluate_constraints === "Disabled") return { violations: [] };
  const baselines = new Map(baselineStatistics?.features.map((feature) => [feature.name, feature]));
  const perFeature = constraints.features.flatMap((expected) => {
    const config = configOf(constraints, expected);
    const feature = profile.features.get(expected.name);
    if (config.evaluate_constraints === "Disabled" || feature === undefined) return [];
    return [
      dataTypeCheck(feature, expected, config),
      completenessCheck(feature, expected),
      categoricalValuesCheck(feature, expected, config),
      driftCheck(feature, config, baselines.get(expected.name)),
    ].map((found) => found && { feature_name: expected.name, ...found });
  });
  return { violations: [...columnChecks(profile, constraints), ...perFeature.filter((found) => found !== undefined)] };
}

/** How far every feature is from its baseline, where both have comparable values and the comparison is enabled. */
export function baselineDrifts({
  profile,
  constraints,
  baselineStatistics,
}: MonitoredData): Map<string, BaselineDrift> {
  const expectations = new Map(constraints.features.map((feature) => [feature.name, feature]));
  const drifts = new Map<string, BaselineDrift>();
  for (const baseline of baselineStatistics?.features ?? []) {
    const feature = profile.features.get(baseline.name);
    const expected = expectations.get(baseline.name);
    const config = expected === undefined ? constraints.monitoring_config : configOf(constraints, expected);
    const drift = feature && driftOf(feature, config, baseline);
    if (drift !== undefined) drifts.set(baseline.name, drift);
  }
  return drifts;
}

type Finding = Omit<Violation, "feature_name"> | undefined;

function columnChecks({ features }: Profile, constraints: Constraints): Violation[] {
  const expected = new Set(constraints.features.map(({ name }) => name));
  const missing = [...expected].filter((name) => !features.has(name));
  const extra = [...features.keys()].filter((name) => !expected.has(name));
  const numbers = `Number of columns in current dataset: ${features.size}, Number of columns in baseline constraints: ${expected.size}`;
  const violation = (kind: "missing" | "extra", names: string[]): Violation[] =>
    names.length === 0
      ? []
      : [
          {
            feature_name: kind === "missing" ? "Missing columns" : "Extra columns",
            constraint_check_type: `${kind}_column_check`,
            description: `There are ${kind} columns in current dataset. ${numbers} (${namesIn(names)})`,
          },
        ];
  return [...violation("missing", missing), ...violation("extra", extra)];
}

/** Enough to recognise what happened; a picture as columns has thousands. */
const mostNames = 10;

function namesIn(names: string[]): string {
  const shown = names.slice(0, mostNames).join(", ");
  return names.length > mostNames ? `${shown} and ${names.length - mostNames} more` : shown;
}

function dataTypeCheck(feature: FeatureProfile, expected: FeatureConstraints, config: MonitoringConfig): Finding {
  const share = typeShare(feature, expected);
  if (share === undefined || share >= config.datatype_check_threshold) return undefined;
  const type = expected.inferred_type;
  return {
    constraint_check_type: "data_type_check",
    description: `Data type match requirement is not met. Expected data type: ${type}, Expected match: ${percent(config.datatype_check_threshold)}. Observed: Only ${percent(share)} of data is ${type}.`,
  };
}

/** A whole number is a fraction, too, and a column of texts may hold texts that read as numbers: else a baseline would violate itself. */
function typeShare(
  { types, present }: FeatureProfile,
  { inferred_type: type }: FeatureConstraints,
): number | undefined {
  if (present === 0) return undefined;
  switch (type) {
    case "Integral":
      return types.Integral / present;
    case "Fractional":
      return (types.Integral + types.Fractional) / present;
    case "String":
      return types.String > 0 ? 1 : 0;
    case "Unknown":
      return undefined;
    default:
      return type satisfies never;
  }
}

function completenessCheck({ present, missing }: FeatureProfile, { completeness }: FeatureConstraints): Finding {
  const share = present + missing === 0 ? 1 : present / (present + missing);
  if (completeness === undefined || share >= completeness) return undefined;
  return { constraint_check_type: "completeness_check", description: valueText(share) };
}

function categoricalValuesCheck(
  { categories, present }: FeatureProfile,
  { string_constraints: constraints }: FeatureConstraints,
  config: MonitoringConfig,
): Finding {
  const domains = constraints?.domains;
  if (domains === undefined || present === 0) return undefined;
  const known = [...new Set(domains)].reduce((sum, value) => sum + categories.countOf(value), 0);
  if (known / present >= config.domain_content_threshold) return undefined;
  return { constraint_check_type: "categorical_values_check", description: valueText(known / present) };
}

function driftCheck(
  feature: FeatureProfile,
  config: MonitoringConfig,
  baseline: FeatureStatistics | undefined,
): Finding {
  const drift = baseline && driftOf(feature, config, baseline);
  if (!drift?.isDrifting) return undefined;
  return { constraint_check_type: "baseline_drift_check", description: driftText(drift) };
}

function driftOf(feature: FeatureProfile, config: MonitoringConfig, baseline: FeatureStatistics) {
  if (config.distribution_constraints.perform_comparison === "Disabled") return undefined;
  return baselineDrift(feature, baseline, config.distribution_constraints);
}

function driftText({ kind, measure, value, threshold }: BaselineDrift): string {
  const name = kind === "numerical" ? "Numerical" : "Categorical";
  return measure === "p-value"
    ? `${name} p-value: ${value} is below ${kind} threshold: ${threshold}`
    : `${name} ${measure}: ${value} exceeds ${kind} threshold: ${threshold}`;
}

// As AWS's analyzer writes it, the space at the end included: a hint would follow there.
function valueText(value: number): string {
  return `Value: ${decimalText(value)} does not meet the constraint requirement! `;
}

function percent(share: number): string {
  return `${decimalText(share * 100)}%`;
}
