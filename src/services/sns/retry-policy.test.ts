import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../kit/fault.ts";
import { checkDeliveryPolicy, retryDelays } from "./retry-policy.ts";

test("retries follow the phases of the policy", () => {
  const delays = retryDelays({
    minDelayTarget: 1,
    maxDelayTarget: 9,
    numRetries: 7,
    numNoDelayRetries: 1,
    numMinDelayRetries: 2,
    numMaxDelayRetries: 1,
    backoffFunction: "linear",
  });
  assert.deepEqual(delays, [0, 1, 1, 1, 5, 9, 9]);
});

test("a policy that could not be followed is refused", () => {
  const check = (policy: object) => () =>
    checkDeliveryPolicy(JSON.stringify({ healthyRetryPolicy: policy }), "healthyRetryPolicy");
  assert.throws(check({ numRetries: 101 }), Fault);
  assert.throws(check({ numRetries: 1, numNoDelayRetries: 2 }), Fault);
  assert.throws(check({ minDelayTarget: 30, maxDelayTarget: 20 }), Fault);
  assert.throws(check({ minDelayTarget: 3600, maxDelayTarget: 3600, numRetries: 2 }), Fault);
  assert.doesNotThrow(check({ numRetries: 5 }));
});
