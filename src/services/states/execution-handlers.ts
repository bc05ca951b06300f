import type {
  DescribeExecutionInput,
  DescribeExecutionOutput,
  ListExecutionsInput,
  ListExecutionsOutput,
  RedriveExecutionInput,
  RedriveExecutionOutput,
  StartExecutionInput,
  StartExecutionOutput,
  StartSyncExecutionInput,
  StartSyncExecutionOutput,
  StopExecutionInput,
  StopExecutionOutput,
} from "@aws-sdk/client-sfn";
import { maxHistoryEvents } from "../../asl/draft.ts";
import { Fault } from "../../kit/fault.ts";
import type { ExecutionPage, ExecutionRecord } from "../../ports/store.ts";
import type { Call } from "../../wire/service.ts";
import { parseMachineArn } from "./arns.ts";
import { detailsOf, type ExecutionDetails, findExecution } from "./execution-records.ts";
import { findAlias, findMachine, findTarget, type MachineRecord, machineKind } from "./machine-records.ts";
import { findMapRun, mapRunKey } from "./map-run/records.ts";
import { pageSize, readToken, writeToken } from "./paging.ts";
import type { Parsed } from "./parsed.ts";
import { isRepeatedRedrive, keepRedriveToken } from "./redrive-tokens.ts";
import type { ServiceContext } from "./service-context.ts";
import { startExecution, startRequest } from "./start-execution.ts";

const redrivableForMs = 14 * 86_400_000;

export function executionHandlers(context: ServiceContext) {
  const { store, clock, engine, expressEngine } = context;
  const { executions, resources } = store;

  const redriveStatusOf = (record: ExecutionRecord, details: ExecutionDetails) => {
    const redriveStatusReason = whyNotRedrivable(record, details);
    if (redriveStatusReason === undefined) return { redriveStatus: "REDRIVABLE" as const };
    return { redriveStatus: "NOT_REDRIVABLE" as const, redriveStatusReason };
  };
  const whyNotRedrivable = (record: ExecutionRecord, { machineName }: ExecutionDetails): string | undefined => {
    const { id, status, stoppedMs = 0 } = record;
    if (status === "RUNNING" || status === "SUCCEEDED") return `Execution is ${status} and cannot be redriven`;
    const machine = resources.get<MachineRecord>(machineKind, machineName.split("/")[0] ?? "")?.value;
    if (machine === undefined || machine.isDeleting === true) return "State machine is in DELETING status";
    if (clock.now() - stoppedMs > redrivableForMs) return "Execution redrivable period exceeded";
    const isFull = executions.history(id, { from: maxHistoryEvents, limit: 1 }).length > 0;
    return isFull ? "Execution history event limit exceeded" : undefined;
  };

  /** The executions of a distributed Map. */
  function listChildren(input: Parsed<ListExecutionsInput>, mapRunArn: string): ListExecutionsOutput {
    if (findMapRun(resources, mapRunArn).executionType === "EXPRESS") throw notSupported();
    const list = `executions ${mapRunArn} ${input.statusFilter}`;
    const page = executions.list({
      machine: mapRunKey(mapRunArn),
      status: input.statusFilter as ExecutionRecord["status"] | undefined,
      limit: pageSize(input.maxResults),
      after: input.nextToken === undefined ? undefined : readToken(input.nextToken, list),
    });
    const nextToken = page.next === undefined ? undefined : writeToken(page.next, list);
    return { executions: page.executions.map(listItem), nextToken };
  }

  return {
    async StartExecution(input: Parsed<StartExecutionInput>): Promise<StartExecutionOutput> {
      const { executionArn, startedMs } = await startExecution(context, input);
      return { executionArn, startDate: new Date(startedMs) };
    },

    async StartSyncExecution(
      input: Parsed<StartSyncExecutionInput>,
      call: Call,
    ): Promise<Omit<StartSyncExecutionOutput, "$metadata">> {
      const target = findTarget(resources, input.stateMachineArn, clock.random());
      if (target.machine.type !== "EXPRESS") throw notSupported();
      const start = startRequest(context, target, input);
      const record = await expressEngine.startAndWait(start, call.signal);
      const stoppedMs = record.stoppedMs ?? clock.now();
      return {
        executionArn: start.context.executionArn,
        stateMachineArn: target.machine.arn,
        name: start.context.executionName,
        startDate: new Date(record.startedMs),
        stopDate: new Date(stoppedMs),
        status: syncStatus(record.status),
        error: record.error,
        cause: record.cause,
        input: record.input,
        inputDetails: { included: true },
        output: record.output,
        outputDetails: { included: true },
        billingDetails: {
          billedDurationInMilliseconds: Math.max(1, Math.ceil((stoppedMs - record.startedMs) / 100)) * 100,
          billedMemoryUsedInMB: 64,
        },
      };
    },

    async StopExecution(input: Parsed<StopExecutionInput>): Promise<StopExecutionOutput> {
      const { record } = findExecution(store, input.executionArn);
      await engine.deliver(record.id, { type: "stop", error: input.error, cause: input.cause });
      const { stoppedMs } = executions.describe(record.id) ?? {};
      return { stopDate: new Date(stoppedMs ?? clock.now()) };
    },

    async DescribeExecution(input: Parsed<DescribeExecutionInput>): Promise<DescribeExecutionOutput> {
      const { record, details } = findExecution(store, input.executionArn);
      const withData = input.includedData !== "METADATA_ONLY";
      const hasOutput = record.output !== undefined;
      return {
        executionArn: details.arn,
        stateMachineArn: details.machineArn,
        name: details.name,
        status: record.status,
        startDate: new Date(record.startedMs),
        stopDate: dateOf(record.stoppedMs),
        input: withData ? record.input : undefined,
        inputDetails: { included: withData },
        output: withData ? record.output : undefined,
        outputDetails: hasOutput ? { included: withData } : undefined,
        stateMachineVersionArn: details.versionArn,
        stateMachineAliasArn: details.aliasArn,
        mapRunArn: details.mapRunArn,
        error: record.error,
        cause: record.cause,
        redriveCount: record.redriveCount,
        redriveDate: dateOf(record.redrivenMs),
        ...redriveStatusOf(record, details),
      };
    },

    async ListExecutions(input: Parsed<ListExecutionsInput>): Promise<ListExecutionsOutput> {
      const { stateMachineArn, statusFilter, maxResults, redriveFilter } = input;
      if (input.mapRunArn !== undefined) return listChildren(input, input.mapRunArn);
      if (stateMachineArn === undefined) {
        throw new Fault("ValidationException", "Must provide a State Machine ARN or Map Run ARN");
      }
      const machine = findMachine(resources, stateMachineArn);
      if (machine.type === "EXPRESS") throw notSupported();
      const { qualifier } = parseMachineArn(stateMachineArn);
      const aliasArn = findAlias(resources, stateMachineArn)?.arn;
      const isWanted = (execution: ExecutionPage["executions"][number]) => {
        const { versionArn, aliasArn: startedBy } = detailsOf(execution);
        const isOfVersion =
          qualifier === undefined ||
          (aliasArn === undefined ? versionArn?.endsWith(`:${qualifier}`) : startedBy === aliasArn);
        const isRedriven = execution.redriveCount > 0;
        return isOfVersion && (redriveFilter === undefined || (redriveFilter === "REDRIVEN") === isRedriven);
      };
      const limit = pageSize(maxResults);
      const found: ExecutionPage["executions"] = [];
      const list = `executions ${stateMachineArn} ${statusFilter} ${redriveFilter}`;
      let after = input.nextToken === undefined ? undefined : readToken(input.nextToken, list);
      do {
        const page = executions.list({
          machine: machine.name,
          status: statusFilter as ExecutionRecord["status"] | undefined,
          limit: limit - found.length,
          after,
        });
        found.push(...page.executions.filter(isWanted));
        after = page.next;
      } while (after !== undefined && found.length < limit);
      return {
        executions: found.map(listItem),
        nextToken: after === undefined ? undefined : writeToken(after, list),
      };
    },

    async RedriveExecution(input: Parsed<RedriveExecutionInput>): Promise<RedriveExecutionOutput> {
      const { record, details } = findExecution(store, input.executionArn);
      const { clientToken: token } = input;
      const isRepeated = token !== undefined && isRepeatedRedrive(resources, record, token);
      if (isRepeated && record.redrivenMs !== undefined) return { redriveDate: new Date(record.redrivenMs) };
      const { redriveStatus, redriveStatusReason } = redriveStatusOf(record, details);
      const refusal = () =>
        new Fault(
          "ExecutionNotRedrivable",
          `Execution is not redrivable: '${details.arn}'. Reason: ${redriveStatusReason}`,
        );
      if (redriveStatus !== "REDRIVABLE") throw refusal();
      const redriveCount = record.redriveCount + 1;
      if (token !== undefined) keepRedriveToken(resources, record.id, { token, redriveCount, atMs: clock.now() });
      if (!(await engine.deliver(record.id, { type: "redrive" }))) throw refusal();
      const { redrivenMs } = executions.describe(record.id) ?? {};
      return { redriveDate: new Date(redrivenMs ?? clock.now()) };
    },
  };
}

function listItem(execution: ExecutionPage["executions"][number]) {
  const details = detailsOf(execution);
  return {
    executionArn: details.arn,
    stateMachineArn: details.machineArn,
    name: details.name,
    status: execution.status,
    startDate: new Date(execution.startedMs),
    stopDate: dateOf(execution.stoppedMs),
    mapRunArn: details.mapRunArn,
    stateMachineVersionArn: details.versionArn,
    stateMachineAliasArn: details.aliasArn,
    redriveCount: execution.redriveCount,
    redriveDate: dateOf(execution.redrivenMs),
  };
}

function syncStatus(status: ExecutionRecord["status"]): "SUCCEEDED" | "FAILED" | "TIMED_OUT" {
  return status === "SUCCEEDED" || status === "TIMED_OUT" ? status : "FAILED";
}

function dateOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}

function notSupported(): Fault {
  return new Fault("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine");
}
