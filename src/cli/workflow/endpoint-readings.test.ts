import assert from "node:assert/strict";
import { test } from "node:test";
import { readingOf, variantLines } from "./endpoint-readings.ts";

const labels = 'endpoint="birds",variant="all"';

test("two readings of the server's metrics tell how a variant did between them", () => {
  const [line] = variantLines(reading({ good: 1, refused: 0 }), reading({ good: 10, refused: 1 }), 2);
  assert.deepEqual(line, {
    endpoint: "birds",
    variant: "all",
    workers: 2,
    queueLength: 3,
    perSecond: 5,
    failedShare: 1 - 9 / 10,
    medianMs: 3.5,
    p99Ms: 4.97,
    overheadMs: 250,
    droppedCaptures: 7,
  });
});

test("a variant that nobody asks has no latencies", () => {
  const [line] = variantLines(reading({ good: 1, refused: 0 }), reading({ good: 1, refused: 0 }), 1);
  assert.deepEqual([line?.perSecond, line?.medianMs, line?.overheadMs], [0, undefined, undefined]);
});

/** The text as the server writes it: every good answer took 2 to 5 ms of the model and all waited for a quarter of a second. */
function reading({ good, refused }: { good: number; refused: number }) {
  return readingOf(`# TYPE scones_endpoint_invocations_total counter
scones_endpoint_invocations_total{${labels},code="200"} ${good}
scones_endpoint_invocations_total{${labels},code="503"} ${refused}
scones_endpoint_model_latency_seconds_bucket{${labels},le="0.002"} 0
scones_endpoint_model_latency_seconds_bucket{${labels},le="0.005"} ${good}
scones_endpoint_model_latency_seconds_bucket{${labels},le="+Inf"} ${good}
scones_endpoint_overhead_latency_seconds_sum{${labels}} ${(good + refused) * 0.25}
scones_endpoint_overhead_latency_seconds_count{${labels}} ${good + refused}
scones_endpoint_dropped_captures_total{${labels}} 7
scones_endpoint_queue_length{${labels}} 3
scones_endpoint_workers{${labels}} 2
`);
}
