import { createHash } from "node:crypto";
import type { Json } from "../../../kit/json.ts";
import type { ExecutionRecord } from "../../../ports/store.ts";
import { arnPrefix, executionId, regionOf } from "../arns.ts";
import type { StartRequest } from "../engine.ts";
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

/** The same child has the same name after a crash, so that it is found and not started again. */
function childName(key: string, index: number): string {
  const hex = createHash("sha256").update(`${key}#${index}`).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}

export function idOfChild(key: string, index: number): string {
  return executionId(familyName(key), childName(key, index));
}

function familyName(key: string): string {
  return key.slice(0, key.lastIndexOf(":"));
}

export function childRequest(family: Family, index: number, { input, nowMs }: { input: Json; nowMs: number }) {
  const { details, type, key } = family;
  const name = childName(key, index);
  const kind = type === "EXPRESS" ? "express" : "execution";
  const arn = `${arnPrefix(details.machineArn)}:${kind}:${family.name}:${name}`;
  const request: StartRequest = {
    id: idOfChild(key, index),
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
  return request;
}
