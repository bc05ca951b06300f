import assert from "node:assert/strict";
import { test } from "node:test";
import type { Metrics } from "../ports/metrics.ts";
import { EndpointMetrics } from "./endpoint-metrics.ts";
import { realClock } from "./testing/world.ts";

const place = { endpointName: "birds", variantName: "all" };
const good = { status: 200, modelMs: 4, overheadMs: 1, instances: 2, queueLength: 0 };

test("Prometheus reads counts by status, histograms in seconds and what is true now", () => {
  const metrics = new EndpointMetrics(undefined, realClock);
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
  const metrics = new EndpointMetrics(undefined, realClock);
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
  const metrics = new EndpointMetrics(port, { schedule: () => () => undefined });
  metrics.variant({ ...place, configName: "new" }).answered({ ...good, status: 424, modelStatus: 500 });
  metrics.tell();
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

test("CloudWatch is told of many requests together, a second after the first", () => {
  const told: string[] = [];
  const port: Metrics = {
    record: ({ name }, value, { count = 1 } = {}) => void told.push(`${name} ${value} x ${count}`),
    alarmStates: () => new Map(),
    onAlarmChange: () => () => undefined,
  };
  const due: (() => void)[] = [];
  const metrics = new EndpointMetrics(port, {
    schedule: (delayMs, callback) => {
      assert.equal(delayMs, 1_000);
      due.push(callback);
      return () => undefined;
    },
  });
  const variant = metrics.variant(place);
  variant.answered({ ...good, modelMs: 4.0012 });
  variant.answered({ ...good, modelMs: 4.0049 });
  variant.answered({ ...good, status: 503, overheadMs: 0.0004 });
  assert.deepEqual([told.length, due.length], [0, 1]);
  due[0]?.();
  assert.deepEqual(told, [
    "Invocations 1 x 3",
    "InvocationsPerInstance 0.5 x 3",
    "Invocation4XXErrors 0 x 3",
    "Invocation5XXErrors 1 x 1",
    "Invocation5XXErrors 0 x 2",
    "InvocationModelErrors 0 x 3",
    "ModelLatency 4000 x 2",
    "OverheadLatency 1000 x 2",
    "OverheadLatency 0 x 1",
    "QueueLength 0 x 3",
  ]);
});
