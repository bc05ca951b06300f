import type { Json } from "../../../kit/json.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Functions } from "../../../ports/functions.ts";
import type { Operations } from "../../../ports/operations.ts";
import type { ActivityQueues } from "../activities.ts";
import type { TaskEffect } from "../kernel.ts";
import type { ServiceContext } from "../service-context.ts";
import { comesLater, type TaskContext, TaskFailure, TaskRefusal, type TaskRunner } from "../task-pool.ts";
import { optimizedFailure, sdkFailure, toJson } from "./answers.ts";
import { httpDate, httpMetadata } from "./http-metadata.ts";
import { callFunction, invokeLambda } from "./lambda.ts";
import { startNested } from "./nested-execution.ts";
import { type Optimized, optimized, withTextMembers } from "./optimized-table.ts";
import { parseResource, pascalCase, type TaskResource } from "./resource.ts";
import { sdkServices } from "./sdk-services.ts";

/** How often a job that a `sync` task waits for is asked after. */
const pollMs = 1_000;

export interface IntegrationOptions {
  functions: Functions;
  operations: Operations;
  clock: Clock;
  queues: ActivityQueues;
  /** Known only once the engine is: its tasks start executions. */
  context: () => ServiceContext;
}

/** Performs a Task by what its resource names. */
export function taskRunner(options: IntegrationOptions): TaskRunner {
  return async (task, context) => {
    const resource = parseResource(task.resource);
    if (resource === undefined) throw unknownResource(task.resource);
    if (task.isHandedOver === true && (resource.kind === "activity" || task.pattern === "waitForTaskToken")) {
      return comesLater;
    }
    const output = await perform(options, { task, resource, context });
    if (task.pattern !== "waitForTaskToken") return output;
    if (output !== comesLater) await context.submitted(output);
    return comesLater;
  };
}

/** `undefined` when this server can run the resource, else what AWS says of one that it does not know. */
export function refusalOf(operations: Operations, resource: string): string | undefined {
  const parsed = parseResource(resource);
  const isKnown = parsed !== undefined && isAvailable(operations, parsed);
  return isKnown
    ? undefined
    : "The resource provided ARN is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.";
}

function isAvailable(operations: Operations, resource: TaskResource): boolean {
  if (resource.kind === "function" || resource.kind === "activity") return true;
  const { service, operation, suffix } = resource;
  if (resource.kind === "sdk") {
    if (suffix === "sync" || suffix === "sync:2" || !Object.hasOwn(sdkServices, service)) return false;
    return operations.has(modelOf(service), pascalCase(operation));
  }
  const name = `${service}:${operation}`;
  if (name === "lambda:invoke") return suffix === "" || suffix === "waitForTaskToken";
  if (name === "states:startExecution") return true;
  const entry = optimized[name];
  if (entry?.suffixes.includes(suffix) !== true) return false;
  const needed =
    suffix === "sync" && entry.poll !== undefined ? [entry.operation, entry.poll.operation] : [entry.operation];
  return needed.every((one) => operations.has(entry.model, one));
}

async function perform(
  options: IntegrationOptions,
  { task, resource, context }: { task: TaskEffect; resource: TaskResource; context: TaskContext },
): Promise<Json | typeof comesLater> {
  const { functions, operations, clock } = options;
  const { signal } = context;
  const parameters = task.parameters as { [name: string]: Json };
  switch (resource.kind) {
    case "function":
      return callFunction({ functions, clock }, { name: resource.arn, input: task.parameters, signal });
    case "activity":
      if (!options.context().hasActivity(resource.name)) throw new TaskRefusal("The activity ARN does not exist.");
      options.queues.offer(resource.name, {
        executionId: context.record.id,
        effectId: task.id,
        taskToken: task.taskToken ?? "",
        input: JSON.stringify(task.parameters),
      });
      return comesLater;
    case "sdk": {
      const service = sdkServices[resource.service]?.name ?? pascalCase(resource.service);
      const operation = pascalCase(resource.operation);
      try {
        return toJson((await operations.call(modelOf(resource.service), operation, parameters, { signal })).output);
      } catch (error) {
        throw sdkFailure(error, { service, requestId: clock.uuid() });
      }
    }
    case "optimized": {
      const { service, operation, suffix } = resource;
      const name = `${service}:${operation}`;
      if (name === "lambda:invoke") return invokeLambda({ functions, clock }, { parameters, signal });
      if (name === "states:startExecution") {
        return startNested(options.context(), { task, parameters, suffix, run: context });
      }
      const entry = optimized[name];
      if (entry === undefined) throw unknownResource(task.resource);
      return callOptimized(options, { entry, parameters, suffix, context, isHandedOver: task.isHandedOver === true });
    }
    default:
      return resource satisfies never;
  }
}

async function callOptimized(
  { operations, clock }: IntegrationOptions,
  call: {
    entry: Optimized;
    parameters: { [name: string]: Json };
    suffix: string;
    context: TaskContext;
    isHandedOver: boolean;
  },
): Promise<Json> {
  const { entry, parameters, suffix, context, isHandedOver } = call;
  const { signal } = context;
  const ask = async (operation: string, input: object) => {
    try {
      return await operations.call(entry.model, operation, input, { signal });
    } catch (error) {
      const { errorPrefix: prefix, serviceText } = entry;
      throw optimizedFailure(error, { prefix, serviceText, requestId: clock.uuid() });
    }
  };
  const submit = async (): Promise<Json> => {
    const input = withTextMembers(parameters, entry.textMembers) as object;
    const { output, requestId } = await ask(entry.operation, input);
    const members = toJson(output) as { [name: string]: Json };
    if (Number(members["FailedEntryCount"] ?? 0) > 0) {
      throw new TaskFailure(`${entry.errorPrefix}.FailedEntry`, JSON.stringify(members));
    }
    if (!entry.hasMetadata) return members;
    return { ...members, ...metadata(entry, { members, requestId, nowMs: clock.now() }) };
  };
  const { poll } = entry;
  if (suffix !== "sync" || poll === undefined) return submit();
  const job = { [poll.member]: parameters[poll.member] };
  // After a restart the job is there already: it is only waited for.
  if (!isHandedOver) await context.submitted(await submit());
  try {
    for (;;) {
      await pause(clock, signal);
      const { output: state } = await ask(poll.operation, job);
      const status = String(state[poll.status]);
      if (poll.good.includes(status)) return toJson(state);
      if (poll.over.includes(status)) throw new TaskFailure("States.TaskFailed", JSON.stringify(toJson(state)));
    }
  } catch (error) {
    // As AWS does, at best effort: nobody waits for the job any longer, and it may just have ended.
    if (context.isGivenUp()) await operations.call(entry.model, poll.stop, job).catch(() => {});
    throw error;
  }
}

function metadata(
  { contentType }: Optimized,
  { members, requestId, nowMs }: { members: Json; requestId: string; nowMs: number },
): { [name: string]: Json } {
  return {
    SdkHttpMetadata: httpMetadata([
      ["x-amzn-RequestId", requestId],
      ["connection", "keep-alive"],
      ["Content-Length", String(Buffer.byteLength(JSON.stringify(members)))],
      ["Date", httpDate(nowMs)],
      ["Content-Type", contentType],
    ]),
    SdkResponseMetadata: { RequestId: requestId },
  };
}

function modelOf(service: string): string {
  return sdkServices[service]?.model ?? service;
}

function unknownResource(resource: string): TaskRefusal {
  return new TaskRefusal(`The resource ${resource} is not available in Scones.`);
}

function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const giveUp = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.schedule(pollMs, () => {
      signal.removeEventListener("abort", giveUp);
      resolve();
    });
    signal.addEventListener("abort", giveUp, { once: true });
  });
}
