import type { ComparisonMethod } from "./distances.ts";
import { type Fields, fieldsOf, monitoringFile } from "./monitoring-file.ts";
import { type InferredType, inferredTypeIn } from "./statistics-file.ts";

/** `constraints.json`, in AWS's spelling. */
export interface Constraints {
  version: number;
  features: FeatureConstraints[];
  monitoring_config: MonitoringConfig;
}

export interface FeatureConstraints {
  name: string;
  inferred_type: InferredType;
  /** The least share of present values, 0 to 1; absent: nothing is asked. */
  completeness?: number;
  num_constraints?: { is_non_negative?: boolean };
  /** The values that are known; absent: any. */
  string_constraints?: { domains?: string[] };
  /** What holds for this feature instead of `monitoring_config`. */
  monitoringConfigOverrides?: MonitoringConfigOverrides;
}

export type Switch = "Enabled" | "Disabled";

export interface MonitoringConfig {
  evaluate_constraints: Switch;
  emit_metrics: Switch;
  /** The least share of values of the inferred type, 0 to 1. */
  datatype_check_threshold: number;
  /** The least share of values out of `domains`, 0 to 1. */
  domain_content_threshold: number;
  distribution_constraints: DistributionConstraints;
}

export interface DistributionConstraints {
  perform_comparison: Switch;
  /** The largest distance of numbers that is no drift. */
  comparison_threshold: number;
  comparison_method: ComparisonMethod;
  /** The same of categories; with ChiSquared and Robust it is the smallest p-value that is none. */
  categorical_comparison_threshold: number;
  categorical_drift_method: "LInfinity" | "ChiSquared";
}

export interface MonitoringConfigOverrides extends Partial<Omit<MonitoringConfig, "distribution_constraints">> {
  distribution_constraints?: Partial<DistributionConstraints>;
}

/** What a suggested file says, and what holds where a file is silent. */
export const defaultMonitoringConfig: MonitoringConfig = {
  evaluate_constraints: "Enabled",
  emit_metrics: "Enabled",
  datatype_check_threshold: 1,
  domain_content_threshold: 1,
  distribution_constraints: {
    perform_comparison: "Enabled",
    comparison_threshold: 0.1,
    comparison_method: "Robust",
    categorical_comparison_threshold: 0.1,
    categorical_drift_method: "LInfinity",
  },
};

/** Reads a `constraints.json` of AWS's analyzer, its SDK or ours; unknown members are left alone. Throws `MonitoringFileError`. */
export function parseConstraints(text: string): Constraints {
  const file = fieldsOf(monitoringFile("constraints.json", text));
  const config = file.object("monitoring_config");
  return {
    version: file.number("version") ?? 0,
    features: file.list("features").map(featureIn),
    monitoring_config: withOverrides(defaultMonitoringConfig, config ? configIn(config) : {}),
  };
}

/** What holds for a feature. */
export function configOf(constraints: Constraints, feature: FeatureConstraints): MonitoringConfig {
  return withOverrides(constraints.monitoring_config, feature.monitoringConfigOverrides ?? {});
}

function withOverrides(config: MonitoringConfig, overrides: MonitoringConfigOverrides): MonitoringConfig {
  return {
    ...config,
    ...overrides,
    distribution_constraints: { ...config.distribution_constraints, ...overrides.distribution_constraints },
  };
}

function featureIn(feature: Fields): FeatureConstraints {
  const completeness = feature.number("completeness");
  const numeric = feature.object("num_constraints");
  const isNonNegative = numeric?.flag("is_non_negative");
  const textual = feature.object("string_constraints");
  const domains = textual?.texts("domains");
  // The documentation puts overrides on the feature; the SDK's set_monitoring writes them in snake case among the constraints.
  const overrides = [feature, numeric, textual].flatMap((place) =>
    ["monitoring_config_overrides", "monitoringConfigOverrides"].flatMap((name) => place?.object(name) ?? []),
  );
  return {
    name: feature.required("name", feature.text("name")),
    inferred_type: inferredTypeIn(feature),
    ...(completeness !== undefined && { completeness }),
    ...(isNonNegative !== undefined && { num_constraints: { is_non_negative: isNonNegative } }),
    ...(domains && { string_constraints: { domains } }),
    ...(overrides.length > 0 && { monitoringConfigOverrides: merged(overrides.map(configIn)) }),
  };
}

function merged(overrides: MonitoringConfigOverrides[]): MonitoringConfigOverrides {
  return Object.assign({}, ...overrides);
}

function configIn(config: Fields): MonitoringConfigOverrides {
  const distribution = config.object("distribution_constraints");
  return present({
    evaluate_constraints: switchIn(config, "evaluate_constraints"),
    emit_metrics: switchIn(config, "emit_metrics"),
    datatype_check_threshold: config.number("datatype_check_threshold"),
    domain_content_threshold: config.number("domain_content_threshold"),
    distribution_constraints: distribution && distributionIn(distribution),
  });
}

function distributionIn(fields: Fields): Partial<DistributionConstraints> {
  return present({
    perform_comparison: switchIn(fields, "perform_comparison"),
    comparison_threshold: fields.number("comparison_threshold"),
    comparison_method: fields.choice("comparison_method", ["Simple", "Robust"]),
    categorical_comparison_threshold: fields.number("categorical_comparison_threshold"),
    categorical_drift_method: fields.choice("categorical_drift_method", ["LInfinity", "ChiSquared"]),
  });
}

function switchIn(fields: Fields, name: string): Switch | undefined {
  return fields.choice(name, ["Enabled", "Disabled"]);
}

/** Without the members that are undefined, so that they override nothing. */
function present<Members extends object>(members: Members): Partial<Members> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Partial<Members>;
}
