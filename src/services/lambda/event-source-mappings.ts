// Event source mappings: which queue feeds which function.
//
// T1. A mapping is a row: what was enabled before a crash is polled again after it.
// T2. Changes show as on AWS: Creating, Enabling, Updating, Disabling, Deleting, a moment later what they lead to.
import type {
  CreateEventSourceMappingRequest,
  DeleteEventSourceMappingRequest,
  EventSourceMappingConfiguration,
  ListEventSourceMappingsRequest,
  UpdateEventSourceMappingRequest,
} from "@aws-sdk/client-lambda";
import { Fault } from "../../kit/fault.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { arnOf, type LambdaContext } from "./lambda-context.ts";
import { checkQueue, defaultMappingSettings, type MappingSettings, mappingSettings } from "./mapping-settings.ts";
import { parseFunctionName } from "./names.ts";
import { type QueuePoller, startQueuePoller } from "./queue-poller.ts";
import { invalid } from "./settings.ts";

interface Mapping {
  uuid: string;
  arn: string;
  queueArn: string;
  functionArn: string;
  state: "Creating" | "Enabling" | "Enabled" | "Updating" | "Disabling" | "Disabled" | "Deleting";
  isEnabled: boolean;
  settings: MappingSettings;
  modifiedMs: number;
}

export interface EventSourceMappings {
  handlers: Record<string, Handler>;
  /** Polls what is enabled. */
  start(): void;
  close(): void;
}

const kind = "lambda-event-source-mapping";
const pageSize = 100;
/** How long a change shows as such: long enough to be seen, short enough that nobody waits for it. */
const transitionMs = 100;

export function eventSourceMappings(context: LambdaContext, operations: Operations): EventSourceMappings {
  const { resources, records, clock, invokeFunction, report } = context;
  const pollers = new Map<string, QueuePoller>();
  const timers = new Map<string, () => void>();

  const all = () => resources.list<Mapping>(kind).map(({ value }) => value);

  function need(uuid: string | undefined): Mapping {
    const mapping = resources.get<Mapping>(kind, uuid ?? "")?.value;
    if (mapping !== undefined) return mapping;
    throw new Fault("ResourceNotFoundException", "The resource you requested does not exist.", {
      ...{ status: 404, members: { Type: "User" } },
    });
  }

  /** Writes the mapping in a state of passage, and follows it to where that leads. */
  function change(mapping: Mapping): EventSourceMappingConfiguration {
    resources.put(kind, mapping.uuid, mapping);
    stopPolling(mapping.uuid);
    timers.get(mapping.uuid)?.();
    const cancel = clock.schedule(transitionMs, () => {
      timers.delete(mapping.uuid);
      settle(mapping);
    });
    timers.set(mapping.uuid, cancel);
    return answerOf(mapping);
  }

  function settle(mapping: Mapping): void {
    if (mapping.state === "Deleting") {
      resources.delete(kind, mapping.uuid);
      return;
    }
    const settled: Mapping = { ...mapping, state: mapping.isEnabled ? "Enabled" : "Disabled" };
    if (settled.state !== mapping.state) resources.put(kind, mapping.uuid, settled);
    if (!settled.isEnabled) return;
    const { queueArn, functionArn, settings } = settled;
    const options = { queueArn, functionArn, settings, operations, clock, report, invoke: invokeFunction };
    pollers.set(mapping.uuid, startQueuePoller(options));
  }

  function stopPolling(uuid: string): void {
    pollers.get(uuid)?.stop();
    pollers.delete(uuid);
  }

  function functionOf(text: string, call: Call) {
    const wanted = parseFunctionName(text);
    const record = records.find(wanted.name);
    if (record === undefined) throw invalid("Function does not exist");
    const arn = `${arnOf(call, wanted.name)}:${wanted.qualifier ?? "$LATEST"}`;
    const { configuration } = records.resolve(wanted, arn);
    const suffix = wanted.qualifier === undefined ? "" : `:${wanted.qualifier}`;
    return { name: wanted.name, arn: `${record.configuration.FunctionArn}${suffix}`, timeout: configuration.Timeout };
  }

  const handlers: Record<string, Handler> = {
    async CreateEventSourceMapping(input: CreateEventSourceMappingRequest, call: Call) {
      const queueArn = queueArnOf(input.EventSourceArn);
      const target = functionOf(input.FunctionName!, call);
      const settings = mappingSettings(input, defaultMappingSettings);
      await checkQueue(operations, { queueArn, functionTimeout: target.timeout });
      const same = all().find((it) => it.queueArn === queueArn && it.functionArn === target.arn);
      if (same !== undefined) {
        const message = `An event source mapping with SQS arn (" ${queueArn} ") and function (" ${target.name} ") already exists. Please update or delete the existing mapping with UUID ${same.uuid}`;
        throw new Fault("ResourceConflictException", message, { status: 409, members: { Type: "User" } });
      }
      const uuid = clock.uuid();
      return change({
        ...{ uuid, queueArn, functionArn: target.arn, settings, isEnabled: input.Enabled ?? true },
        arn: `arn:aws:lambda:${call.region}:${call.accountId}:event-source-mapping:${uuid}`,
        ...{ state: "Creating", modifiedMs: clock.now() },
      });
    },
    async UpdateEventSourceMapping(input: UpdateEventSourceMappingRequest, call: Call) {
      const { queueArn, functionArn } = need(input.UUID);
      const target = functionOf(input.FunctionName ?? functionArn, call);
      await checkQueue(operations, { queueArn, functionTimeout: target.timeout });
      const before = need(input.UUID);
      const settings = mappingSettings(input, before.settings);
      const isEnabled = input.Enabled ?? before.isEnabled;
      const state = isEnabled === before.isEnabled ? "Updating" : isEnabled ? "Enabling" : "Disabling";
      return change({
        ...before,
        ...{ functionArn: target.arn, settings, isEnabled, state, modifiedMs: clock.now() },
      });
    },
    GetEventSourceMapping: (input: { UUID: string }) => answerOf(need(input.UUID)),
    DeleteEventSourceMapping(input: DeleteEventSourceMappingRequest) {
      const before = need(input.UUID);
      if (before.state === "Deleting") return answerOf(before);
      return change({ ...before, state: "Deleting", isEnabled: false, modifiedMs: clock.now() });
    },
    ListEventSourceMappings(input: ListEventSourceMappingsRequest) {
      const name = input.FunctionName && parseFunctionName(input.FunctionName).name;
      const found = all().filter(
        (it) =>
          (!input.EventSourceArn || it.queueArn === input.EventSourceArn) &&
          (!name || parseFunctionName(it.functionArn).name === name) &&
          (!input.Marker || it.uuid > input.Marker),
      );
      const page = found.slice(0, Math.min(input.MaxItems ?? pageSize, pageSize));
      return {
        EventSourceMappings: page.map(answerOf),
        ...(page.length < found.length && { NextMarker: page.at(-1)!.uuid }),
      };
    },
  };

  return {
    handlers,
    start() {
      for (const mapping of all()) settle(mapping);
    },
    close() {
      for (const cancel of timers.values()) cancel();
      for (const uuid of [...pollers.keys()]) stopPolling(uuid);
    },
  };
}

function queueArnOf(arn: string | undefined): string {
  if (arn === undefined) throw invalid("Unrecognized event source.");
  if (/^arn:[^:]+:sqs:[^:]*:\d{12}:[\w-]+$/.test(arn)) return arn;
  throw invalid(
    `Unrecognized event source: ${arn}. Queues of SQS are what feeds functions here (see COMPATIBILITY.md).`,
  );
}

function answerOf(mapping: Mapping): EventSourceMappingConfiguration {
  const { batchSize, windowSeconds, filters, reportsItemFailures, maxConcurrency } = mapping.settings;
  return {
    UUID: mapping.uuid,
    BatchSize: batchSize,
    MaximumBatchingWindowInSeconds: windowSeconds,
    EventSourceArn: mapping.queueArn,
    ...(filters.length > 0 && { FilterCriteria: { Filters: filters.map((Pattern) => ({ Pattern })) } }),
    FunctionArn: mapping.functionArn,
    LastModified: new Date(mapping.modifiedMs),
    State: mapping.state,
    StateTransitionReason: "USER_INITIATED",
    FunctionResponseTypes: reportsItemFailures ? ["ReportBatchItemFailures"] : [],
    ...(maxConcurrency !== undefined && { ScalingConfig: { MaximumConcurrency: maxConcurrency } }),
    EventSourceMappingArn: mapping.arn,
  };
}
