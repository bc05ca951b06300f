import { compilePattern, PatternError } from "../../kit/event-pattern.ts";
import type { Json } from "../../kit/json.ts";
import { invalid, type MessageAttribute, type Subscription } from "./records.ts";

/** As SNS: names in a policy over attributes, and its size. */
const mostAttributeNames = 5;
const largestPolicyBytes = 256 * 1024;

/** Whether the subscription wants the message. A body that is not JSON matches no policy over bodies. */
export function wants(
  subscription: Subscription,
  message: string,
  attributes: Record<string, MessageAttribute>,
): boolean {
  const policy = subscription.attributes["FilterPolicy"];
  if (policy === undefined || policy === "{}") return true;
  const matches = compilePattern(JSON.parse(policy) as Json);
  if (subscription.attributes["FilterPolicyScope"] !== "MessageBody") return matches(attributesAsEvent(attributes));
  const body = parseJson(message);
  return typeof body === "object" && body !== null && matches(body);
}

export function checkFilterPolicy(policy: string, scope: string | undefined): void {
  if (Buffer.byteLength(policy) > largestPolicyBytes) throw refused("Filter policy is too large");
  const parsed = parseJson(policy);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw refused("failed to parse JSON");
  const names = Object.entries(parsed);
  if (names.length === 0) return;
  if (scope !== "MessageBody") {
    if (names.length > mostAttributeNames)
      throw refused(`Filter policy can not have more than ${mostAttributeNames} keys`);
    if (names.some(([name, value]) => name !== "$or" && !Array.isArray(value))) {
      throw refused("Filter policy scope MessageAttributes does not support nested filter policy");
    }
  }
  try {
    compilePattern(parsed);
  } catch (error) {
    if (error instanceof PatternError) throw refused(error.message);
    throw error;
  }
}

function attributesAsEvent(attributes: Record<string, MessageAttribute>): Json {
  const event: { [name: string]: Json } = {};
  for (const [name, { DataType, StringValue }] of Object.entries(attributes)) {
    if (StringValue === undefined) continue;
    const type = DataType.split(".")[0];
    if (DataType === "String.Array") event[name] = parseJson(StringValue) ?? StringValue;
    else event[name] = type === "Number" ? Number(StringValue) : StringValue;
  }
  return event;
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function refused(reason: string): Error {
  return invalid(`FilterPolicy: ${reason}`);
}
