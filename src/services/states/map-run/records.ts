import type { MapRunOutcome } from "../../../asl/contract.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Resources } from "../../../ports/resources.ts";
import type { RunCounts } from "./counts.ts";

export const mapRunKind = "states.mapRun";

export interface MapRunLimits {
  maxConcurrency: number;
  toleratedFailureCount: number;
  toleratedFailurePercentage: number;
}

export interface MapRunRecord extends MapRunLimits {
  arn: string;
  executionArn: string;
  executionId: string;
  effectId: string;
  status: "RUNNING" | "SUCCEEDED" | "FAILED" | "ABORTED";
  startedMs: number;
  stoppedMs?: number;
  executionType: "STANDARD" | "EXPRESS";
  /** Known once the items have been read. */
  children?: { count: number; items: number };
  /** Of the children that need not be looked at again; once the run has ended, of all. */
  counts?: RunCounts;
  redriveCount?: number;
  redrivenMs?: number;
  /** What was told to the parent; without the output where that is made of the children's. */
  outcome?: MapRunOutcome;
}

/** `NAME/LABEL:UUID` of a map run's ARN: its place in the store, and the `machine` of its children there. */
export function mapRunKey(arn: string): string {
  const match = /^arn:[^:]+:states:[^:]*:[^:]*:mapRun:([^:]+\/[^:]+:[^:]+)$/.exec(arn);
  if (match === null) throw new Fault("InvalidArn", `Invalid Arn: 'Invalid ARN prefix: ${arn}'`);
  return match[1] as string;
}

export function findMapRun(resources: Resources, arn: string): MapRunRecord {
  const found = resources.get<MapRunRecord>(mapRunKind, mapRunKey(arn));
  if (found === undefined) throw new Fault("ResourceNotFound", `Resource not found: '${arn}'`);
  return found.value;
}
