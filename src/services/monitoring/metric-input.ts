import type { Dimension, Metric as MetricInput } from "@aws-sdk/client-cloudwatch";
import type { Metric } from "../../ports/metrics.ts";
import { invalidValue, missingParameter } from "./faults.ts";

export function metricFrom({ Namespace, MetricName, Dimensions }: MetricInput): Metric {
  return { namespace: Namespace ?? "", name: MetricName ?? "", dimensions: dimensionsFrom(Dimensions, "Dimensions") };
}

/** As AWS: at most 30, each name once. */
export function dimensionsFrom(dimensions: readonly Dimension[] = [], path: string): Record<string, string> {
  if (dimensions.length > 30) throw invalidValue(`The collection ${path} must not have a size greater than 30.`);
  const found: Record<string, string> = {};
  for (const [index, { Name, Value }] of dimensions.entries()) {
    if (!Name) throw missingParameter(`The parameter ${path}.member.${index + 1}.Name is required.`);
    if (!Value) throw missingParameter(`The parameter ${path}.member.${index + 1}.Value is required.`);
    if (Object.hasOwn(found, Name)) throw invalidValue(`No duplicate dimension names are allowed: ${Name}.`);
    found[Name] = Value;
  }
  return found;
}

export function dimensionList(dimensions: Readonly<Record<string, string>>): Dimension[] {
  return Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
}

/** High resolution has five periods; above them whole minutes, up to a day. */
export function checkPeriod(periodSeconds: number): void {
  const isValid = [1, 5, 10, 20, 30].includes(periodSeconds) || (periodSeconds > 0 && periodSeconds % 60 === 0);
  if (!isValid) {
    throw invalidValue(
      `The value ${periodSeconds} for parameter Period is invalid: valid are 1, 5, 10, 20, 30 and multiples of 60.`,
    );
  }
  if (periodSeconds > 86_400) throw invalidValue("The parameter Period must not be greater than 86400.");
}
