import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConstraints } from "./constraints-file.ts";
import { MonitoringFileError } from "./monitoring-file.ts";
import { parseStatistics } from "./statistics-file.ts";

test("an old constraints file with decimals, unknown members and silent parts is read", () => {
  const text = JSON.stringify({
    version: 0.0,
    features: [
      {
        name: "message",
        inferred_type: "String",
        completeness: 1.0,
        string_constraints: { domains: ["a"], min_length: 3 },
      },
      { name: "other", inferred_type: "Unknown", completeness: null },
    ],
    monitoring_config: {
      evaluate_constraints: "Enabled",
      distribution_constraints: { enable_comparisons: true, min_domain_mass: 1.0, comparison_threshold: 0.5 },
    },
    generator: { name: "unknown to us" },
  });
  const { features, monitoring_config: config } = parseConstraints(text);
  assert.deepEqual(features, [
    { name: "message", inferred_type: "String", completeness: 1, string_constraints: { domains: ["a"] } },
    { name: "other", inferred_type: "Unknown" },
  ]);
  assert.deepEqual(
    [config.distribution_constraints.comparison_threshold, config.distribution_constraints.comparison_method],
    [0.5, "Robust"],
  );
});

test("a statistics file without sketch and buckets is read", () => {
  const text =
    '{"version":0.0,"dataset":{"item_count":2},"features":[{"name":"x","inferred_type":"Fractional","numerical_statistics":{"common":{"num_present":2,"num_missing":0},"mean":1.5,"sum":3.0,"std_dev":0.5,"min":1.0,"max":2.0}}]}';
  assert.deepEqual(parseStatistics(text).features[0]?.numerical_statistics, {
    common: { num_present: 2, num_missing: 0 },
    mean: 1.5,
    sum: 3,
    std_dev: 0.5,
    min: 1,
    max: 2,
  });
});

test("what is wrong in a file is told with its place and value", () => {
  const refused = (read: () => unknown, message: RegExp) =>
    assert.throws(read, (error) => error instanceof MonitoringFileError && message.test(error.message));
  refused(() => parseConstraints("{"), /^constraints.json is not JSON/);
  refused(() => parseConstraints("[]"), /^constraints.json: the file is \[\], expected a JSON object/);
  refused(() => parseConstraints('{"features":[{}]}'), /features\[0\].name is missing/);
  refused(
    () => parseConstraints('{"features":[{"name":"a","completeness":"all"}]}'),
    /features\[0\].completeness is "all", expected a number/,
  );
  refused(
    () => parseConstraints('{"monitoring_config":{"evaluate_constraints":"enabled"}}'),
    /monitoring_config.evaluate_constraints is "enabled", expected one of Enabled, Disabled/,
  );
  refused(
    () =>
      parseStatistics(
        '{"features":[{"name":"a","numerical_statistics":{"distribution":{"kll":{"sketch":{"data":[1]}}}}}]}',
      ),
    /features\[0\].numerical_statistics.distribution.kll.sketch.data is \[1\], expected a list of lists of numbers/,
  );
});
