import assert from "node:assert/strict";
import { test } from "node:test";
import type { Metrics } from "../ports/metrics.ts";
import { EndpointMetrics } from "./endpoint-metrics.ts";

const place = { endpointName: "birds", variantName: "all" };
const good = { status: 200, modelMs: 4, overheadMs: 1, instances: 2, queueLength: 0 };

test("Prometheus reads counts by status, histograms in seconds and what is true now", () => {
  const metrics = new EndpointMetrics(undefined);
  const variant = metrics.variant(place);
  variant.answered(good);
  variant.answered({ ...good, status: 503, modelMs: 0 });
  variant.droppedCaptures(3);
  const lines = metrics.text([{ ...place, queueLength: 5, workers: 2, outstanding: 7 }]).split("\n");
  const expected = [
    'scones_endpoint_invocations_total{endpoint="birds",variant="all",code="200"} 1',
    'scones_endpoint_invocations_total{endpoint="birds",variant="all",code="503"} 1',
    'scones_endpoint_model_latency_seconds_bucket{endpoint="birds",variant="all",le="0.002"} 0',
    'scones_endpoint_model_latency_seconds_bucket{endpoint="birds",variant="all",le="0.005"} 1',
    'scones_endpoint_model_latency_seconds_bucket{endpoint="birds",variant="all",le="+Inf"} 1',
    'scones_endpoint_overhead_latency_seconds_count{endpoint="birds",variant="all"} 2',
    'scones_endpoint_dropped_captures_total{endpoint="birds",variant="all"} 3',
    'scones_endpoint_queue_length{endpoint="birds",variant="all"} 5',
    'scones_endpoint_workers{endpoint="birds",variant="all"} 2',
  ];
  assert.deepEqual(
    expected.filter((line) => !lines.includes(line)),
    [],
  );
});

test("counts outlive a generation and end with the endpoint", () => {
  const metrics = new EndpointMetrics(undefined);
  metrics.variant({ ...place, configName: "one" }).answered(good);
  metrics.variant({ ...place, configName: "two" }).answered(good);
  assert.match(metrics.text([]), /code="200"} 2/);
  metrics.forget("birds");
  assert.doesNotMatch(metrics.text([]), /birds/);
});

test("CloudWatch is told under AWS's names, per variant and per config, in microseconds", () => {
  const told: string[] = [];
  const port: Metrics = {
    record: ({ namespace, name, dimensions, unit }, value) =>
      void told.push(`${namespace} ${name} ${Object.values(dimensions).join("/")} ${value} ${unit}`),
    alarmStates: () => new Map(),
    onAlarmChange: () => () => undefined,
  };
  new EndpointMetrics(port)
    .variant({ ...place, configName: "new" })
    .answered({ ...good, status: 424, modelStatus: 500 });
  assert.deepEqual(told.slice(0, 7), [
    "AWS/SageMaker Invocations birds/all 1 None",
    "AWS/SageMaker InvocationsPerInstance birds/all 0.5 None",
    "AWS/SageMaker Invocation4XXErrors birds/all 0 None",
    "AWS/SageMaker Invocation5XXErrors birds/all 1 None",
    "AWS/SageMaker InvocationModelErrors birds/all 1 None",
    "AWS/SageMaker ModelLatency birds/all 4000 Microseconds",
    "AWS/SageMaker OverheadLatency birds/all 1000 Microseconds",
  ]);
  assert.equal(told.filter((line) => line.includes("birds/all/new")).length, 8);
});
