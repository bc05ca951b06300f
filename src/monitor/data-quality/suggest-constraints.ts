import { closedValues } from "./closed-values.ts";
import { type Constraints, defaultMonitoringConfig, type FeatureConstraints } from "./constraints-file.ts";
import type { FeatureStatistics, Statistics } from "./statistics-file.ts";

/** The `constraints.json` that a baseline fulfils: its types, its completeness, its signs and its categories. */
export function suggestConstraints(statistics: Statistics): Constraints {
  return {
    version: 0,
    features: statistics.features.map(suggested),
    monitoring_config: structuredClone(defaultMonitoringConfig),
  };
}

function suggested(feature: FeatureStatistics): FeatureConstraints {
  const { name, inferred_type, numerical_statistics: numerical, string_statistics: textual } = feature;
  const common = numerical?.common ?? textual?.common;
  const count = (common?.num_present ?? 0) + (common?.num_missing ?? 0);
  const values = closedValues(feature);
  return {
    name,
    inferred_type,
    completeness: count === 0 ? 0 : (common?.num_present ?? 0) / count,
    ...(numerical && { num_constraints: { is_non_negative: numerical.min >= 0 } }),
    ...(values && { string_constraints: { domains: [...values.keys()] } }),
  };
}
