import { availableParallelism } from "node:os";
import { Fault } from "../kit/fault.ts";
import type { Blobs } from "../ports/blobs.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logs } from "../ports/logs.ts";
import type { InferenceRequest, InferenceResponse, Models } from "../ports/models.ts";
import { Capture, type CaptureSettings } from "./capture.ts";
import { defaultMaxQueue, defaultTimeoutMs } from "./fleet.ts";
import { endpointNotFound } from "./model-error.ts";
import { type Variant, type VariantDefinition, variantOf } from "./variant.ts";

/*
 * The endpoints that answer. An endpoint is a generation: all its variants with their processes and captures.
 *
 * M2. A generation is replaced as a whole: the new one must be ready before it gets a request, and the old one answers all it
 *     has taken before its processes end. A new generation that does not come up changes nothing.
 */

export interface GatewayOptions {
  clock: Clock;
  blobs: Blobs;
  logs: Logs;
  region: string;
  accountId: string;
  /** More worker processes than cores only take turns; what was asked for beyond it is not started. */
  maxWorkersPerVariant?: number;
  maxQueue?: number;
  inferenceTimeoutMs?: number;
  /** From SIGTERM to SIGKILL for a container of the user's. */
  stopGraceMs?: number;
}

export interface EndpointDefinition {
  name: string;
  variants: readonly VariantDefinition[];
  capture?: CaptureSettings;
}

/** As SageMaker waits for its containers. */
const defaultStopGraceMs = 30_000;

interface Generation {
  variants: { variant: Variant; weight: number; capture: Capture | undefined }[];
}

export class Gateway implements Models {
  readonly #options: Required<GatewayOptions>;
  readonly #endpoints = new Map<string, Generation>();
  readonly #starting = new Set<Generation>();
  readonly #draining = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: GatewayOptions) {
    this.#options = {
      maxWorkersPerVariant: availableParallelism(),
      maxQueue: defaultMaxQueue,
      inferenceTimeoutMs: defaultTimeoutMs,
      stopGraceMs: defaultStopGraceMs,
      ...options,
    };
  }

  /** Brings up a generation, then gives it all requests. The answer's `drained` resolves when the one before has ended. */
  async deploy(definition: EndpointDefinition): Promise<{ drained: Promise<void> }> {
    const generation = this.#build(definition);
    await this.#start(generation);
    const before = this.#endpoints.get(definition.name);
    this.#endpoints.set(definition.name, generation);
    return { drained: before === undefined ? Promise.resolve() : this.#drain(before) };
  }

  /** Like `deploy` for an endpoint that was there before a restart: requests are taken at once and wait until it is ready. */
  async restore(definition: EndpointDefinition): Promise<void> {
    const generation = this.#build(definition);
    this.#endpoints.set(definition.name, generation);
    try {
      await this.#start(generation);
    } catch (error) {
      if (this.#endpoints.get(definition.name) === generation) this.#endpoints.delete(definition.name);
      throw error;
    }
  }

  /** Changes shares and numbers of workers of a running endpoint; resolves when the new workers answer. */
  async adjust(endpointName: string, changes: readonly { variantName: string; weight?: number; workers?: number }[]) {
    const generation = this.#endpoints.get(endpointName);
    if (generation === undefined) throw new Error(`no endpoint ${endpointName} is running`);
    const planned = changes.map((change) => {
      const entry = generation.variants.find(({ variant }) => variant.name === change.variantName);
      if (entry === undefined) throw new Error(`endpoint ${endpointName} has no variant ${change.variantName}`);
      return { entry, change };
    });
    await Promise.all(
      planned.map(({ entry, change }) =>
        change.workers === undefined ? undefined : entry.variant.scale(change.workers),
      ),
    );
    for (const { entry, change } of planned) entry.weight = change.weight ?? entry.weight;
  }

  /** Requests are refused from now on; resolves when the last one is answered and the captures are written. */
  async remove(endpointName: string): Promise<void> {
    const generation = this.#endpoints.get(endpointName);
    this.#endpoints.delete(endpointName);
    if (generation !== undefined) await this.#drain(generation);
  }

  async invoke(endpointName: string, request: InferenceRequest): Promise<InferenceResponse> {
    const generation = this.#endpoints.get(endpointName);
    if (generation === undefined) throw endpointNotFound({ endpointName, ...this.#options });
    const { variant, capture } = this.#choose(generation, endpointName, request.targetVariant);
    const answer = await variant.infer(request);
    capture?.record({
      input: request,
      output: answer,
      ...(request.inferenceId === undefined ? {} : { inferenceId: request.inferenceId }),
      ...(request.customAttributes === undefined ? {} : { customAttributes: request.customAttributes }),
    });
    return { ...answer, variantName: variant.name };
  }

  /** Process ids of an endpoint's workers: for those who want to watch or end them. */
  workerIds(endpointName: string): number[] {
    return this.#endpoints.get(endpointName)?.variants.flatMap(({ variant }) => variant.workerIds()) ?? [];
  }

  /** Sampled records that are in no capture file. */
  droppedCaptures(endpointName: string): number {
    return (
      this.#endpoints.get(endpointName)?.variants.reduce((sum, { capture }) => sum + (capture?.dropped ?? 0), 0) ?? 0
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const generation of this.#starting) void this.#drain(generation);
    for (const name of [...this.#endpoints.keys()]) void this.remove(name);
    await Promise.all(this.#draining);
  }

  #build({ name, variants, capture }: EndpointDefinition): Generation {
    const { clock, blobs, logs } = this.#options;
    return {
      variants: variants.map((definition) => {
        const stream = `${definition.name}/i-${clock.uuid().replaceAll("-", "").slice(0, 17)}`;
        const onLine = (message: string) =>
          logs.append(`/aws/sagemaker/Endpoints/${name}`, stream, [{ timestampMs: clock.now(), message }]);
        return {
          variant: variantOf(definition, { ...this.#options, endpointName: name, onLine }),
          weight: definition.weight,
          capture:
            capture &&
            new Capture({
              blobs,
              clock,
              endpointName: name,
              variantName: definition.name,
              settings: capture,
              onProblem: onLine,
            }),
        };
      }),
    };
  }

  #choose({ variants }: Generation, endpointName: string, targetVariant: string | undefined) {
    if (targetVariant !== undefined) {
      const target = variants.find(({ variant }) => variant.name === targetVariant);
      if (target !== undefined) return target;
      throw new Fault("ValidationError", `Variant ${targetVariant} not found for endpoint ${endpointName}.`);
    }
    const total = variants.reduce((sum, { weight }) => sum + weight, 0);
    let left = this.#options.clock.random() * total;
    const chosen = variants.find(({ weight }) => {
      left -= weight;
      return left < 0;
    });
    return chosen ?? (variants[0] as Generation["variants"][number]); // all weights zero
  }

  async #start(generation: Generation): Promise<void> {
    this.#starting.add(generation);
    try {
      await startAll(generation);
    } finally {
      this.#starting.delete(generation);
    }
    if (!this.#isClosed) return;
    await this.#drain(generation);
    throw new Error("the server is closing");
  }

  #drain(generation: Generation): Promise<void> {
    const drained = closeAll(generation).finally(() => this.#draining.delete(drained));
    this.#draining.add(drained);
    return drained;
  }
}

async function startAll(generation: Generation): Promise<void> {
  const results = await Promise.allSettled(generation.variants.map(({ variant }) => variant.start()));
  const failed = results.findIndex((result) => result.status === "rejected");
  if (failed < 0) return;
  await closeAll(generation);
  const { reason } = results[failed] as PromiseRejectedResult;
  const name = generation.variants[failed]?.variant.name;
  throw new Error(`The primary container for production variant ${name} did not start: ${(reason as Error).message}`, {
    cause: reason,
  });
}

/** Captures end after the last answer: they still want its record. */
async function closeAll({ variants }: Generation): Promise<void> {
  await Promise.all(
    variants.map(async ({ variant, capture }) => {
      await variant.close();
      await capture?.close();
    }),
  );
}
