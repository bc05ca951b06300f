import type { Clock } from "../ports/clock.ts";
import type { InferenceRequest } from "../ports/models.ts";
import { ContainerFleet } from "./container-fleet.ts";
import { defaultStartupTimeoutMs, Fleet } from "./fleet.ts";
import type { FleetAnswer } from "./fleet-job.ts";
import { type ErrorPlace, modelError } from "./model-error.ts";
import { ModelServer, type ServerAnswer } from "./model-server.ts";

/** What answers for one variant: worker processes of ours, containers of the user's, or a model server that already runs. */
export interface Variant {
  name: string;
  start(): Promise<void>;
  /** Throws the faults of the SageMaker runtime. */
  infer(request: InferenceRequest): Promise<VariantAnswer>;
  scale(workers: number): Promise<void>;
  workerIds(): number[];
  /** Those of them that are ready. */
  workerCount(): number;
  /** Absent where nobody knows. */
  queueLength?(): number;
  /** Whether the next request would be refused. */
  isFull?(): boolean;
  close(): Promise<void>;
}

export interface VariantAnswer {
  /** What of the time was the model's; absent where it cannot be told from waiting. */
  modelMs?: number | undefined;
  body: Uint8Array;
  contentType: string;
  customAttributes?: string;
}

export interface VariantDefinition {
  name: string;
  weight: number;
  /** As asked for; bounded by the gateway. */
  workers: number;
  model: VariantModel;
  startupTimeoutMs?: number;
}

export type VariantModel =
  /** `threads` inside each worker, 1 by default: more of them make one answer faster and all of them together slower. */
  | { type: "package"; folder: string; threads?: number }
  | { type: "container"; folder: string; command: string; environment: Readonly<Record<string, string>> }
  | { type: "server"; origin: string };

export interface VariantOptions extends ErrorPlace {
  clock: Clock;
  maxWorkersPerVariant: number;
  maxQueue: number;
  inferenceTimeoutMs: number;
  /** From SIGTERM to SIGKILL for a container of the user's. */
  stopGraceMs: number;
  onLine: (line: string) => void;
}

export function variantOf(definition: VariantDefinition, options: VariantOptions): Variant {
  const { model } = definition;
  switch (model.type) {
    case "package":
      return packageVariant(definition, model, options);
    case "container":
      return containerVariant(definition, model, options);
    case "server":
      return serverVariant(definition, model.origin, options);
  }
}

/** What the built-in container takes; the bytes decide what the picture really is. */
const pictureTypes = [
  "image/png",
  "image/jpeg",
  "image/jpg",
  "image/webp",
  "image/gif",
  "image/bmp",
  "application/x-image",
  "application/octet-stream",
];

function isPictureType(contentType: string): boolean {
  if (pictureTypes.includes(contentType)) return true;
  return pictureTypes.includes(contentType.split(";", 1)[0]?.trim().toLowerCase() as string);
}

function packageVariant(
  definition: VariantDefinition,
  { folder, threads: wanted = 1 }: Extract<VariantModel, { type: "package" }>,
  options: VariantOptions,
): Variant {
  const { clock, maxQueue, onLine, maxWorkersPerVariant } = options;
  const threads = Math.min(wanted, maxWorkersPerVariant); // as many as cores
  const bounded = boundOf({ ...options, maxWorkersPerVariant: Math.floor(maxWorkersPerVariant / threads) });
  const fleet = new Fleet({
    clock,
    folder,
    threads,
    maxQueue,
    onLine,
    workers: bounded(definition.workers),
    timeoutMs: options.inferenceTimeoutMs,
    ...(definition.startupTimeoutMs && { startupTimeoutMs: definition.startupTimeoutMs }),
  });
  return {
    name: definition.name,
    start: () => fleet.start(),
    infer: async (request) => {
      const { body, contentType, accept } = request;
      if (!isPictureType(contentType)) {
        throw modelError(415, `content type ${contentType} is not supported; send ${pictureTypes.join(", ")}`, options);
      }
      if (request.source !== undefined) throw modelError(413, "the picture is too large", options);
      const answer = await fleet.infer(body, request);
      if (answer.status === 200) return printed(answer, accept);
      onLine(`an inference failed (${answer.status}): ${answer.text}`);
      // As the built-in container puts it; the reason is in the log.
      const message = answer.status === 400 ? "unable to evaluate payload provided" : answer.text;
      throw modelError(answer.status, message, options);
    },
    scale: (workers) => fleet.scale(bounded(workers)),
    workerIds: () => fleet.workerIds,
    workerCount: () => fleet.workerCount,
    queueLength: () => fleet.queueLength,
    isFull: () => fleet.isFull,
    close: () => fleet.close(),
  };
}

function printed({ text, modelMs }: FleetAnswer, accept: string | undefined): VariantAnswer {
  const wantsLines = accept?.toLowerCase().includes("application/jsonlines") ?? false;
  return wantsLines
    ? { body: Buffer.from(`{"prediction": ${text}}\n`), contentType: "application/jsonlines", modelMs }
    : { body: Buffer.from(text), contentType: "application/json", modelMs };
}

function boundOf({ maxWorkersPerVariant }: VariantOptions): (workers: number) => number {
  return (workers) => Math.max(1, Math.min(workers, maxWorkersPerVariant));
}

function containerVariant(
  definition: VariantDefinition,
  { folder, command, environment }: Extract<VariantModel, { type: "container" }>,
  options: VariantOptions,
): Variant {
  const bounded = boundOf(options);
  const fleet = new ContainerFleet({
    clock: options.clock,
    command,
    folder,
    environment,
    containers: bounded(definition.workers),
    maxQueue: options.maxQueue,
    startupTimeoutMs: definition.startupTimeoutMs ?? defaultStartupTimeoutMs,
    timeoutMs: options.inferenceTimeoutMs,
    stopGraceMs: options.stopGraceMs,
    onLine: options.onLine,
  });
  return {
    name: definition.name,
    start: () => fleet.start(),
    infer: async (request) => answerOf(await fleet.infer(request), options),
    scale: (containers) => fleet.scale(bounded(containers)),
    workerIds: () => fleet.containerIds,
    workerCount: () => fleet.containerIds.length,
    close: () => fleet.close(),
  };
}

function serverVariant(definition: VariantDefinition, origin: string, options: VariantOptions): Variant {
  const server = new ModelServer({
    clock: options.clock,
    origin,
    maxQueue: options.maxQueue,
    timeoutMs: options.inferenceTimeoutMs,
    ...(definition.startupTimeoutMs && { startupTimeoutMs: definition.startupTimeoutMs }),
  });
  return {
    name: definition.name,
    start: () => server.start(),
    infer: async (request) => answerOf(await server.infer(request), options),
    scale: async () => undefined, // its processes are its owner's
    workerIds: () => [],
    workerCount: () => 0,
    close: () => server.close(),
  };
}

function answerOf(
  { status, body, contentType, customAttributes }: ServerAnswer,
  options: VariantOptions,
): VariantAnswer {
  if (status >= 200 && status < 300) return { body, contentType, ...(customAttributes && { customAttributes }) };
  const message = body.toString("utf8", 0, 1024);
  options.onLine(`an inference failed (${status}): ${message}`);
  throw modelError(status, message, options);
}
