import type { MapRunOutcome } from "../../../asl/contract.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Resources } from "../../../ports/resources.ts";
import type { ChildInput } from "./batches.ts";
import type { RunCounts } from "./counts.ts";

export const mapRunKind = "states.mapRun";
const inputsKind = "states.mapRunInputs";

/** Children whose inputs lie in one row. */
const inputsPerPage = 500;

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
  /** Once it has ended. */
  counts?: RunCounts;
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

/** Written before the first child starts: what the items are never changes, whatever happens to where they came from. */
export function writeInputs(resources: Resources, key: string, inputs: readonly ChildInput[]): void {
  resources.transaction(() => {
    for (let start = 0; start < inputs.length; start += inputsPerPage) {
      resources.put(inputsKind, pageId(key, start), inputs.slice(start, start + inputsPerPage));
    }
    const items = inputs.reduce((sum, { items }) => sum + items, 0);
    resources.update<MapRunRecord>(mapRunKind, key, (record) => ({
      ...record,
      children: { count: inputs.length, items },
    }));
  });
}

export function readInputs(resources: Resources, key: string): ChildInput[] {
  return resources.list<ChildInput[]>(inputsKind, { prefix: `${key}#` }).flatMap(({ value }) => value);
}

export function deleteInputs(resources: Resources, key: string, count: number): void {
  for (let start = 0; start < count; start += inputsPerPage) resources.delete(inputsKind, pageId(key, start));
}

function pageId(key: string, start: number): string {
  return `${key}#${String(start).padStart(9, "0")}`;
}
