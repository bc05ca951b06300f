import { createHash } from "node:crypto";
import type { Json } from "../../../kit/json.ts";
import type { ExecutionRecord, Executions } from "../../../ports/store.ts";
import { arnPrefix, executionId, regionOf } from "../arns.ts";
import type { StartRequest } from "../engine-contract.ts";
import { detailsOf, type ExecutionDetails } from "../execution-records.ts";
import { hashOf } from "../machine-records.ts";
import { mapRunKey } from "./records.ts";

/** What the executions of one run share. */
export interface Family {
  key: string;
  /** `NAME/LABEL`, which stands where an execution of its own has its state machine's name. */
  name: string;
  type: "STANDARD" | "EXPRESS";
  definition: { hash: string; text: string };
  details: ExecutionDetails;
}

export function familyOf(
  parent: ExecutionRecord,
  state: { mapRunArn: string; executionType: "STANDARD" | "EXPRESS"; definition: Json },
): Family {
  const key = mapRunKey(state.mapRunArn);
  const name = familyName(key);
  const { roleArn, revisionId, machineUpdatedMs, settings } = detailsOf(parent);
  const text = JSON.stringify(state.definition);
  const details: ExecutionDetails = {
    type: state.executionType,
    arn: "",
    name: "",
    machineArn: `${arnPrefix(state.mapRunArn)}:stateMachine:${name}`,
    machineName: name,
    machineUpdatedMs,
    roleArn,
    revisionId,
    settings,
    mapRunArn: state.mapRunArn,
  };
  return { key, name, type: state.executionType, definition: { hash: hashOf(text), text }, details };
}

/**
 * The same child has the same name after a crash, so that it is found and not started again. An EXPRESS child that is run
 * again in a redrive is another execution, as on AWS; a STANDARD one goes on.
 */
export function idOfChild({ key, type }: Pick<Family, "key" | "type">, index: number, redriveCount: number): string {
  const attempt = type === "EXPRESS" && redriveCount > 0 ? `!${redriveCount}` : "";
  const hex = createHash("sha256").update(`${key}#${index}${attempt}`).digest("hex");
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return executionId(familyName(key), parts.join("-"));
}

/** The last attempt of a child. */
export function findChild(
  executions: Executions,
  family: Pick<Family, "key" | "type">,
  { index, redriveCount }: { index: number; redriveCount: number },
): ExecutionRecord | undefined {
  for (let attempt = family.type === "EXPRESS" ? redriveCount : 0; attempt >= 0; attempt--) {
    const found = executions.describe(idOfChild(family, index, attempt));
    if (found !== undefined) return found;
  }
  return undefined;
}

function familyName(key: string): string {
  return key.slice(0, key.lastIndexOf(":"));
}

export function childRequest(
  family: Family,
  id: string,
  { input, nowMs }: { input: Json; nowMs: number },
): StartRequest {
  const { details, type, key } = family;
  const name = id.slice(id.lastIndexOf(":") + 1);
  const kind = type === "EXPRESS" ? "express" : "execution";
  const arn = `${arnPrefix(details.machineArn)}:${kind}:${family.name}:${name}`;
  return {
    id,
    machine: key,
    type,
    definition: family.definition,
    inputText: JSON.stringify(input),
    input,
    startedMs: nowMs,
    context: {
      executionArn: arn,
      executionName: name,
      roleArn: details.roleArn,
      startTime: new Date(nowMs).toISOString(),
      stateMachineArn: details.machineArn,
      stateMachineName: family.name,
      region: regionOf(arn),
      type,
    },
    details: { ...details, arn, name } as unknown as Json,
  };
}
