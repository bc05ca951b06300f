import type { FeatureStatistics } from "./statistics-file.ts";

/** Names, classes and codes; a column with more values is none that a list could close. */
const mostValues = 100;
/** Values that hardly repeat are identifiers or free text: the next one would be unknown again. */
const fewestRepeats = 2;

/** The values of a text column with their counts, if they are a closed set such as classes or codes. */
export function closedValues({
  string_statistics: textual,
}: FeatureStatistics): ReadonlyMap<string, number> | undefined {
  const buckets = textual?.distribution?.categorical.buckets ?? [];
  const isClosed =
    buckets.length > 0 &&
    buckets.length === textual?.distinct_count &&
    buckets.length <= mostValues &&
    textual.common.num_present >= fewestRepeats * buckets.length;
  return isClosed ? new Map(buckets.map(({ value, count }) => [value, count])) : undefined;
}
