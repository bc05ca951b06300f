import { Fault } from "../../kit/fault.ts";

/** What a form may upload, as whoever signed it decided. */
export interface PostPolicy {
  expiresMs: number;
  conditions: Condition[];
}

type Condition =
  | { kind: "eq" | "starts-with"; field: string; value: string; text: string }
  | { kind: "content-length-range"; least: number; most: number };

/** Those that are part of the form itself, whatever the policy says of them. */
const unconditioned = new Set(["x-amz-signature", "signature", "awsaccesskeyid", "policy", "file", "bucket"]);

/** From a form's field `policy`: JSON in base64. */
export function parsePolicy(encoded: string): PostPolicy {
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(encoded, "base64").toString());
  } catch {
    throw invalidPolicy("Invalid JSON.");
  }
  if (!isObject(document)) throw invalidPolicy("Invalid JSON.");
  const { expiration, conditions } = document;
  if (typeof expiration !== "string") throw invalidPolicy("Policy missing expiration.");
  const expiresMs = Date.parse(expiration);
  if (Number.isNaN(expiresMs)) throw invalidPolicy(`Invalid 'expiration' value: '${expiration}'`);
  if (!Array.isArray(conditions)) throw invalidPolicy("Policy missing conditions.");
  return { expiresMs, conditions: conditions.flatMap(parseCondition) };
}

function parseCondition(given: unknown): Condition[] {
  const text = JSON.stringify(given);
  if (isObject(given)) {
    return Object.entries(given).map(([field, value]) => {
      if (typeof value !== "string")
        throw invalidPolicy(`Invalid Simple-Condition: value of '${field}' must be a string`);
      return {
        kind: "eq" as const,
        field: field.toLowerCase(),
        value,
        text: JSON.stringify(["eq", `$${field}`, value]),
      };
    });
  }
  const [operator, first, second] = Array.isArray(given) && given.length === 3 ? (given as unknown[]) : [];
  const kind = typeof operator === "string" ? operator.toLowerCase() : "";
  if (kind === "content-length-range") {
    const [least, most] = [Number(first), Number(second)];
    if (!(least >= 0 && most >= 0)) throw invalidPolicy(`Invalid Condition: ${text}`);
    return [{ kind, least, most }];
  }
  if ((kind === "eq" || kind === "starts-with") && typeof first === "string" && typeof second === "string") {
    if (!first.startsWith("$")) throw invalidPolicy(`Invalid Condition: the field of ${text} must begin with $`);
    return [{ kind, field: first.slice(1).toLowerCase(), value: second, text }];
  }
  throw invalidPolicy(`Invalid Condition: ${text}`);
}

/** Throws unless every condition holds and every field is under one; answers the sizes that the file may have. */
export function checkPolicy(
  { expiresMs, conditions }: PostPolicy,
  fields: ReadonlyMap<string, string>,
  nowMs: number,
): { least: number; most: number } {
  if (nowMs > expiresMs) throw violated("Policy expired.");
  const sizes = { least: 0, most: Number.POSITIVE_INFINITY };
  const covered = new Set<string>();
  for (const condition of conditions) {
    if (condition.kind === "content-length-range") {
      sizes.least = Math.max(sizes.least, condition.least);
      sizes.most = Math.min(sizes.most, condition.most);
      continue;
    }
    const { kind, field, value, text } = condition;
    const found = fields.get(field) ?? "";
    const holds = kind === "eq" ? found === value : found.startsWith(value);
    if (!holds) throw violated(`Policy Condition failed: ${text}`);
    covered.add(field);
  }
  const extra = [...fields.keys()].filter(
    (name) => !covered.has(name) && !unconditioned.has(name) && !name.startsWith("x-ignore-"),
  );
  if (extra.length > 0) throw violated(`Extra input fields: ${extra.join(", ")}`);
  return sizes;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalidPolicy(reason: string): Fault {
  return new Fault("InvalidPolicyDocument", `Invalid Policy: ${reason}`);
}

function violated(reason: string): Fault {
  return new Fault("AccessDenied", `Invalid according to Policy: ${reason}`, { status: 403 });
}
