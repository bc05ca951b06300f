import { type Constraints, defaultMonitoringConfig, type FeatureConstraints } from "./constraints-file.ts";
import type { FeatureStatistics, Statistics } from "./statistics-file.ts";

/** Names, classes and codes; a column with more values is none that a list could close. */
const mostDomainValues = 100;
/** Values that hardly repeat are identifiers or free text: the next one would be unknown again. */
const fewestRepeats = 2;

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
  const domains = inferred_type === "String" ? domainsOf(feature) : undefined;
  return {
    name,
    inferred_type,
    completeness: count === 0 ? 0 : (common?.num_present ?? 0) / count,
    ...(numerical && { num_constraints: { is_non_negative: numerical.min >= 0 } }),
    ...(domains && { string_constraints: { domains } }),
  };
}

function domainsOf({ string_statistics: textual }: FeatureStatistics): string[] | undefined {
  const values = textual?.distribution?.categorical.buckets.map(({ value }) => value) ?? [];
  const isClosed =
    values.length === textual?.distinct_count &&
    values.length <= mostDomainValues &&
    textual.common.num_present >= fewestRepeats * values.length;
  return isClosed && values.length > 0 ? values : undefined;
}
