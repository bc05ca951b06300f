import { availableParallelism } from "node:os";
import { Fault } from "../kit/fault.ts";
import type { Blobs } from "../ports/blobs.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logs } from "../ports/logs.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { InferenceRequest, InferenceResponse, Models } from "../ports/models.ts";
import { CaptureSpool } from "./capture-spool.ts";
import { EndpointMetrics } from "./endpoint-metrics.ts";
import { defaultMaxQueue, defaultTimeoutMs } from "./fleet.ts";
import {
  type EndpointDefinition,
  Generation,
  type GenerationOptions,
  type VariantChange,
  type VariantLine,
} from "./generation.ts";
import { endpointNotFound } from "./model-error.ts";

/*
 * The endpoints that answer, each with the generation that is its current one and, while it is being replaced, a candidate that
 * takes a share of the requests.
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
  /** Captured lines that are in no object yet are kept here; without it a crash loses them. */
  captureFolder?: string;
  /** Told how endpoints do. */
  metrics?: Metrics;
  /** Told of what variants say beside their answers. */
  onVariantLine?: (line: VariantLine) => void;
  onCaptureProblem?: (line: VariantLine) => void;
}

/** As SageMaker waits for its containers. */
const defaultStopGraceMs = 30_000;

/** A generation that is ready to replace the endpoint's current one, step by step. */
export interface Candidate {
  /** From 0 to 1: which part of the requests it answers from now on. */
  take(share: number): void;
  adjust(changes: readonly VariantChange[]): Promise<void>;
  /** It is the current one from now on; `drained` resolves when the one before has ended. */
  promote(): { drained: Promise<void> };
  /** All requests go back to the current generation; resolves when what it had taken is answered. */
  withdraw(): Promise<void>;
}

interface Endpoint {
  current: Generation;
  candidate?: { generation: Generation; share: number };
}

export class Gateway implements Models {
  readonly #options: Required<Omit<GatewayOptions, "captureFolder" | "metrics">> &
    Pick<GenerationOptions, "spool" | "metrics">;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #starting = new Set<Generation>();
  readonly #draining = new Set<Promise<void>>();
  #isClosed = false;

  constructor({ captureFolder, metrics, ...options }: GatewayOptions) {
    this.#options = {
      maxWorkersPerVariant: availableParallelism(),
      maxQueue: defaultMaxQueue,
      inferenceTimeoutMs: defaultTimeoutMs,
      stopGraceMs: defaultStopGraceMs,
      onVariantLine: () => undefined,
      onCaptureProblem: () => undefined,
      spool: captureFolder === undefined ? undefined : new CaptureSpool(captureFolder, options.clock.uuid()),
      ...options,
      metrics: new EndpointMetrics(metrics, options.clock),
    };
  }

  /** Writes what was captured before a crash and had not reached its object. */
  async recoverCaptures(): Promise<void> {
    await this.#options.spool?.recover(this.#options.blobs);
  }

  /** Brings up a generation, then gives it all requests. The answer's `drained` resolves when the one before has ended. */
  async deploy(definition: EndpointDefinition): Promise<{ drained: Promise<void> }> {
    return (await this.stage(definition)).promote();
  }

  /** Brings up a generation that gets no request yet. */
  async stage(definition: EndpointDefinition): Promise<Candidate> {
    const { name } = definition;
    const generation = new Generation(definition, this.#options);
    await this.#start(generation);
    const share = (part: number) => {
      const endpoint = this.#endpoints.get(name);
      if (endpoint !== undefined) endpoint.candidate = { generation, share: part };
    };
    share(0);
    return {
      take: share,
      adjust: (changes) => generation.adjust(changes),
      promote: () => {
        const before = this.#endpoints.get(name)?.current;
        this.#endpoints.set(name, { current: generation });
        return { drained: before === undefined ? Promise.resolve() : this.#drain(before) };
      },
      withdraw: async () => {
        const endpoint = this.#endpoints.get(name);
        if (endpoint !== undefined) endpoint.candidate = undefined;
        await this.#drain(generation);
      },
    };
  }

  /** Like `deploy` for an endpoint that was there before a restart: requests are taken at once and wait until it is ready. */
  async restore(definition: EndpointDefinition): Promise<void> {
    const current = new Generation(definition, this.#options);
    this.#endpoints.set(definition.name, { current });
    try {
      await this.#start(current);
    } catch (error) {
      if (this.#endpoints.get(definition.name)?.current === current) this.#endpoints.delete(definition.name);
      throw error;
    }
  }

  /** Changes shares and numbers of workers of a running endpoint; resolves when the new workers answer. */
  async adjust(endpointName: string, changes: readonly VariantChange[]): Promise<void> {
    const endpoint = this.#endpoints.get(endpointName);
    if (endpoint === undefined) throw new Error(`no endpoint ${endpointName} is running`);
    await endpoint.current.adjust(changes);
  }

  /** Writes what an endpoint has captured so far, for whoever wants to read all of it now. */
  async writeCaptures(endpointName: string): Promise<void> {
    await this.#endpoints.get(endpointName)?.current.writeCaptures();
  }

  /** Requests are refused from now on; resolves when the last one is answered and the captures are written. */
  async remove(endpointName: string): Promise<void> {
    const endpoint = this.#endpoints.get(endpointName);
    this.#endpoints.delete(endpointName);
    if (endpoint === undefined) return;
    const { current, candidate } = endpoint;
    await Promise.all([this.#drain(current), candidate && this.#drain(candidate.generation)]);
    if (!this.#endpoints.has(endpointName)) this.#options.metrics.forget(endpointName);
  }

  async invoke(endpointName: string, request: InferenceRequest): Promise<InferenceResponse> {
    if (this.#endpoints.get(endpointName)?.current.isAsync) {
      // AWS's words were never recorded.
      throw new Fault("ValidationError", `Endpoint ${endpointName} is asynchronous: use InvokeEndpointAsync.`);
    }
    return this.invokeQueued(endpointName, request);
  }

  /** For the queue of an asynchronous endpoint. */
  async invokeQueued(endpointName: string, request: InferenceRequest): Promise<InferenceResponse> {
    const endpoint = this.#endpoints.get(endpointName);
    if (endpoint === undefined) throw endpointNotFound({ endpointName, ...this.#options });
    const { current, candidate } = endpoint;
    const isForCandidate = candidate !== undefined && this.#options.clock.random() < candidate.share;
    return (isForCandidate ? candidate.generation : current).infer(request);
  }

  /** Whether a request would be refused because too many wait; counts it as refused when so. */
  refusesNow(endpointName: string): boolean {
    const endpoint = this.#endpoints.get(endpointName);
    return endpoint !== undefined && endpoint.candidate === undefined && endpoint.current.refusesNow();
  }

  hasEndpoint(name: string): boolean {
    return this.#endpoints.has(name);
  }

  /** How all endpoints do, as Prometheus reads it. */
  metricsText(): string {
    const generations = [...this.#endpoints.values()].map(({ current }) => current);
    return this.#options.metrics.text(generations.flatMap(({ gauges }) => gauges));
  }

  /** What each variant of an endpoint has taken so far and is busy with. */
  loads(endpointName: string): Generation["loads"] {
    return this.#endpoints.get(endpointName)?.current.loads ?? [];
  }

  /** Process ids of an endpoint's workers: for those who want to watch or end them. */
  workerIds(endpointName: string): number[] {
    return this.#endpoints.get(endpointName)?.current.workerIds ?? [];
  }

  /** Whether sampled records get into no capture object just now. */
  isFailingCaptures(endpointName: string): boolean {
    return this.#endpoints.get(endpointName)?.current.isFailingCaptures ?? false;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const generation of this.#starting) void this.#drain(generation);
    for (const name of [...this.#endpoints.keys()]) void this.remove(name);
    await Promise.all(this.#draining);
    this.#options.metrics.tell();
  }

  async #start(generation: Generation): Promise<void> {
    this.#starting.add(generation);
    try {
      await generation.start();
    } finally {
      this.#starting.delete(generation);
    }
    if (!this.#isClosed) return;
    await this.#drain(generation);
    throw new Error("the server is closing");
  }

  #drain(generation: Generation): Promise<void> {
    const drained = generation.close().finally(() => this.#draining.delete(drained));
    this.#draining.add(drained);
    return drained;
  }
}
