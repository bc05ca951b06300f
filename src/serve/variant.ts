import type { Clock } from "../ports/clock.ts";
import type { InferenceRequest } from "../ports/models.ts";
import { Fleet, type FleetAnswer } from "./fleet.ts";
import { type ErrorPlace, modelError } from "./model-error.ts";
import { ModelServer } from "./model-server.ts";

/** What answers for one variant: worker processes of ours, or a model server of the user's own. */
export interface Variant {
  name: string;
  start(): Promise<void>;
  /** Throws the faults of the SageMaker runtime. */
  infer(request: InferenceRequest): Promise<VariantAnswer>;
  scale(workers: number): Promise<void>;
  workerIds(): number[];
  close(): Promise<void>;
}

interface VariantAnswer {
  body: Uint8Array;
  contentType: string;
  customAttributes?: string;
}

export interface VariantDefinition {
  name: string;
  weight: number;
  /** As asked for; bounded by the gateway. */
  workers: number;
  model: { type: "package"; folder: string } | { type: "server"; origin: string };
  startupTimeoutMs?: number;
}

export interface VariantOptions extends ErrorPlace {
  clock: Clock;
  maxWorkersPerVariant: number;
  maxQueue: number;
  inferenceTimeoutMs: number;
  onLine: (line: string) => void;
}

export function variantOf(definition: VariantDefinition, options: VariantOptions): Variant {
  const { model } = definition;
  switch (model.type) {
    case "package":
      return packageVariant(definition, model.folder, options);
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

function packageVariant(definition: VariantDefinition, folder: string, options: VariantOptions): Variant {
  const { clock, maxQueue, maxWorkersPerVariant, onLine } = options;
  const bounded = (workers: number) => Math.max(1, Math.min(workers, maxWorkersPerVariant));
  const fleet = new Fleet({
    clock,
    folder,
    maxQueue,
    onLine,
    workers: bounded(definition.workers),
    timeoutMs: options.inferenceTimeoutMs,
    ...(definition.startupTimeoutMs && { startupTimeoutMs: definition.startupTimeoutMs }),
  });
  return {
    name: definition.name,
    start: () => fleet.start(),
    infer: async ({ body, contentType, accept, signal }) => {
      const essence = contentType.split(";", 1)[0]?.trim().toLowerCase() as string;
      if (!pictureTypes.includes(essence)) {
        throw modelError(415, `content type ${contentType} is not supported; send ${pictureTypes.join(", ")}`, options);
      }
      const answer = await fleet.infer(body, signal);
      if (answer.status === 200) return printed(answer, accept);
      onLine(`an inference failed (${answer.status}): ${answer.text}`);
      // As the built-in container puts it; the reason is in the log.
      const message = answer.status === 400 ? "unable to evaluate payload provided" : answer.text;
      throw modelError(answer.status, message, options);
    },
    scale: (workers) => fleet.scale(bounded(workers)),
    workerIds: () => fleet.workerIds,
    close: () => fleet.close(),
  };
}

function printed({ text }: FleetAnswer, accept: string | undefined): VariantAnswer {
  const wantsLines = accept?.toLowerCase().includes("application/jsonlines") ?? false;
  return wantsLines
    ? { body: Buffer.from(`{"prediction": ${text}}\n`), contentType: "application/jsonlines" }
    : { body: Buffer.from(text), contentType: "application/json" };
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
    infer: async (request) => {
      const { status, body, contentType, customAttributes } = await server.infer(request);
      if (status >= 200 && status < 300) return { body, contentType, ...(customAttributes && { customAttributes }) };
      const message = body.toString("utf8", 0, 1024);
      options.onLine(`an inference failed (${status}): ${message}`);
      throw modelError(status, message, options);
    },
    scale: async () => undefined, // its processes are its owner's
    workerIds: () => [],
    close: () => server.close(),
  };
}
