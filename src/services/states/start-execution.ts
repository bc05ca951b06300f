import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import { arnPrefix, checkName, executionArn, executionId, regionOf } from "./arns.ts";
import type { StartRequest } from "./engine-contract.ts";
import type { ExecutionDetails } from "./execution-records.ts";
import { parseInput } from "./json-text.ts";
import { findTarget, hashOf, refuseDeleting, type Target } from "./machine-records.ts";
import type { ServiceContext } from "./service-context.ts";

/** Starts an execution as StartExecution does; tasks that start executions come this way too. */
export async function startExecution(
  context: ServiceContext,
  request: { stateMachineArn: string; name?: string; input?: string },
): Promise<{ executionArn: string; startedMs: number }> {
  const { store, clock } = context;
  const target = findTarget(store.resources, request.stateMachineArn, clock.random());
  const start = startRequest(context, target, request);
  const arn = start.context.executionArn;
  if (target.machine.type === "EXPRESS") {
    // As AWS has it: accepted, carried out, and nobody can ask about it later.
    await context.expressStarts.start(start);
    return { executionArn: arn, startedMs: start.startedMs };
  }
  const { outcome, record } = await context.engine.start(start);
  if (outcome === "conflict") throw new Fault("ExecutionAlreadyExists", `Execution Already Exists: '${arn}'`);
  return { executionArn: (record.details as unknown as ExecutionDetails).arn, startedMs: record.startedMs };
}

export function startRequest(
  { clock }: ServiceContext,
  { machine, revision, versionArn, aliasArn }: Target,
  { name = clock.uuid(), input: inputText = "{}" }: { name?: string; input?: string },
): StartRequest {
  refuseDeleting(machine);
  checkName(name);
  const input: Json = parseInput(inputText);
  const startedMs = clock.now();
  const isExpress = machine.type === "EXPRESS";
  const uuid = isExpress ? clock.uuid() : "";
  const arn = isExpress
    ? `${arnPrefix(machine.arn)}:express:${machine.name}:${name}:${uuid}`
    : executionArn(machine.arn, name);
  const { roleArn, revisionId, updatedMs, loggingConfiguration, tracingConfiguration, encryptionConfiguration } =
    revision;
  const details: ExecutionDetails = {
    type: machine.type,
    arn,
    name,
    machineArn: machine.arn,
    machineName: machine.name,
    machineUpdatedMs: updatedMs,
    roleArn,
    revisionId,
    versionArn,
    aliasArn,
    settings: { loggingConfiguration, tracingConfiguration, encryptionConfiguration },
  };
  return {
    id: isExpress ? `${executionId(machine.name, name)}:${uuid}` : executionId(machine.name, name),
    machine: machine.name,
    type: machine.type,
    definition: { hash: hashOf(revision.definition), text: revision.definition },
    inputText,
    input,
    startedMs,
    context: {
      executionArn: arn,
      executionName: name,
      roleArn,
      startTime: new Date(startedMs).toISOString(),
      stateMachineArn: machine.arn,
      stateMachineName: machine.name,
      region: regionOf(machine.arn),
      type: machine.type,
    },
    details: details as unknown as Json,
  };
}
