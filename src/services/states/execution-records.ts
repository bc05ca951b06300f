import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import type { ExecutionRecord, Store } from "../../ports/store.ts";
import { executionId, parseExecutionArn } from "./arns.ts";

/** What the service keeps with an execution. */
export interface ExecutionDetails {
  type: "STANDARD" | "EXPRESS";
  arn: string;
  name: string;
  machineArn: string;
  machineName: string;
  machineUpdatedMs: number;
  roleArn: string;
  revisionId?: string;
  versionArn?: string;
  aliasArn?: string;
  /** Of a distributed Map's child. */
  mapRunArn?: string;
  settings: { loggingConfiguration: Json; tracingConfiguration: Json; encryptionConfiguration: Json };
}

export function findExecution(store: Store, arn: string): { record: ExecutionRecord; details: ExecutionDetails } {
  const { machineName, name } = parseExecutionArn(arn);
  const record = store.executions.describe(executionId(machineName, name));
  if (record === undefined) throw new Fault("ExecutionDoesNotExist", `Execution Does Not Exist: '${arn}'`);
  return { record, details: detailsOf(record) };
}

export function detailsOf(record: Pick<ExecutionRecord, "details">): ExecutionDetails {
  return record.details as unknown as ExecutionDetails;
}
