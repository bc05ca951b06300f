import type { Json } from "../../kit/json.ts";
import { invalid, type Subscription, type Topic } from "./records.ts";

export interface RetryPolicy {
  minDelayTarget: number;
  maxDelayTarget: number;
  numRetries: number;
  numNoDelayRetries: number;
  numMinDelayRetries: number;
  numMaxDelayRetries: number;
  backoffFunction: "linear" | "arithmetic" | "geometric" | "exponential";
}

/** As SNS. */
export const defaultRetryPolicy: RetryPolicy = {
  minDelayTarget: 20,
  maxDelayTarget: 20,
  numRetries: 3,
  numMaxDelayRetries: 0,
  numNoDelayRetries: 0,
  numMinDelayRetries: 0,
  backoffFunction: "linear",
};

/** The delays of all retries, in seconds: at once, at the least, backing off, at the most. */
export function retryDelays(policy: RetryPolicy): number[] {
  const { minDelayTarget: low, maxDelayTarget: high } = policy;
  const backingOff =
    policy.numRetries - policy.numNoDelayRetries - policy.numMinDelayRetries - policy.numMaxDelayRetries;
  const delays: number[] = [
    ...Array<number>(policy.numNoDelayRetries).fill(0),
    ...Array<number>(policy.numMinDelayRetries).fill(low),
  ];
  for (let i = 0; i < backingOff; i++) {
    const part = backingOff === 1 ? 1 : i / (backingOff - 1);
    delays.push(low + (high - low) * curve(policy.backoffFunction, part));
  }
  return [...delays, ...Array<number>(policy.numMaxDelayRetries).fill(high)];
}

/** Lambda, queues and mail: SNS goes on for days with 100,015 attempts; here ten of them within some twenty minutes. */
export function localDelays(): number[] {
  return [1, 2, 5, 10, 30, 60, 120, 300, 600];
}

/** The subscription's own policy, unless the topic forbids it; else the topic's; else SNS's. */
export function policyOf(topic: Topic | undefined, subscription: Subscription): RetryPolicy {
  const ofTopic = parsePolicy(topic?.attributes["DeliveryPolicy"], "http", "defaultHealthyRetryPolicy");
  const ofSubscription = parsePolicy(subscription.attributes["DeliveryPolicy"], "healthyRetryPolicy");
  const text = topic?.attributes["DeliveryPolicy"];
  const isFixed = text !== undefined && JSON.parse(text)?.http?.disableSubscriptionOverrides === true;
  return { ...defaultRetryPolicy, ...ofTopic, ...(isFixed ? {} : ofSubscription) };
}

/** Refuses a policy that could not be followed. */
export function checkDeliveryPolicy(text: string, ...path: string[]): void {
  const policy = { ...defaultRetryPolicy, ...parsePolicy(text, ...path) };
  const counts = [policy.numNoDelayRetries, policy.numMinDelayRetries, policy.numMaxDelayRetries, policy.numRetries];
  const isValid =
    counts.every((count) => Number.isInteger(count) && count >= 0 && count <= 100) &&
    policy.numRetries >= policy.numNoDelayRetries + policy.numMinDelayRetries + policy.numMaxDelayRetries &&
    policy.minDelayTarget >= 1 &&
    policy.minDelayTarget <= policy.maxDelayTarget &&
    policy.maxDelayTarget <= 3600 &&
    ["linear", "arithmetic", "geometric", "exponential"].includes(policy.backoffFunction) &&
    retryDelays(policy).reduce((sum, delay) => sum + delay, 0) <= 3600;
  if (!isValid) {
    throw invalid(
      "Attributes Reason: DeliveryPolicy: delays are 1 to 3600 seconds, minDelayTarget <= maxDelayTarget, numRetries 0 to 100 and not fewer than its phases, and the whole schedule at most 3600 seconds",
    );
  }
}

function parsePolicy(text: string | undefined, ...path: string[]): Partial<RetryPolicy> {
  if (text === undefined || text === "") return {};
  let value: Json | undefined;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw invalid("Attributes Reason: DeliveryPolicy: failed to parse JSON");
  }
  for (const name of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
    value = value[name];
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Partial<RetryPolicy>) : {};
}

/** From 0 to 1, each steeper at its end than the one before. */
function curve(backoff: RetryPolicy["backoffFunction"], part: number): number {
  switch (backoff) {
    case "linear":
      return part;
    case "arithmetic":
      return (part * (part + 1)) / 2;
    case "geometric":
      return part ** 2;
    case "exponential":
      return (2 ** (10 * part) - 1) / 1023;
    default:
      return backoff satisfies never;
  }
}
