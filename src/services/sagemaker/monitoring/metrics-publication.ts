import { join } from "node:path";
import type { Operations } from "../../../ports/operations.ts";
import { ClientError } from "../download-objects.ts";
import { startOfFile } from "../start-of-file.ts";
import type { StoredExecution } from "./monitoring-execution.ts";

/*
 * A monitoring program leaves its metrics in `/opt/ml/output/metrics/cloudwatch`: JSON, one datum of PutMetricData per line or a list
 * of them. The namespace is the service's business.
 */

/** As many as PutMetricData takes at once. */
const perCall = 1000;
/** A program with more features than that has something wrong with its names. */
const maxFileBytes = 16 * 1024 * 1024;

export async function publishMetrics(
  execution: Pick<StoredExecution, "type" | "endpointName">,
  { ml, operations }: { ml: string; operations: Operations },
): Promise<void> {
  const data = (await readMetricData(join(ml, "output", "metrics", "cloudwatch"))).map(withDate);
  for (let from = 0; from < data.length; from += perCall) {
    await operations.call("monitoring", "PutMetricData", {
      Namespace: namespaceOf(execution),
      MetricData: data.slice(from, from + perCall),
    });
  }
}

/** As the dashboards and alarms that people publish read them; AWS's pages spell them in several ways. */
export function namespaceOf({ type, endpointName }: Pick<StoredExecution, "type" | "endpointName">): string {
  const about = type === "ModelQuality" ? "model-metrics" : "data-metrics";
  return `aws/sagemaker/${endpointName === undefined ? "ModelMonitoring" : "Endpoints"}/${about}`;
}

async function readMetricData(file: string): Promise<Record<string, unknown>[]> {
  const text = await startOfFile(file, maxFileBytes + 1);
  if (text.length > maxFileBytes)
    throw new ClientError(`output/metrics/cloudwatch has more than ${maxFileBytes} bytes`);
  try {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    return lines.flatMap((line): Record<string, unknown>[] => [JSON.parse(line)].flat());
  } catch (error) {
    throw new ClientError(`output/metrics/cloudwatch is not made of lines of JSON: ${(error as Error).message}`);
  }
}

/** JSON has no dates: text, seconds or milliseconds since 1970. */
function withDate(datum: Record<string, unknown>): Record<string, unknown> {
  const { Timestamp: time, ...rest } = datum;
  if (time === undefined) return rest;
  const ms = typeof time === "number" ? (time < 1e11 ? time * 1000 : time) : Date.parse(String(time));
  if (Number.isNaN(ms)) throw new ClientError(`output/metrics/cloudwatch has the Timestamp ${JSON.stringify(time)}`);
  return { ...rest, Timestamp: new Date(ms) };
}
