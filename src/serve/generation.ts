import { Fault } from "../kit/fault.ts";
import type { Blobs } from "../ports/blobs.ts";
import type { Logs } from "../ports/logs.ts";
import type { InferencePart, InferenceRequest, InferenceResponse } from "../ports/models.ts";
import { Capture, type CaptureSettings } from "./capture.ts";
import type { Exchange } from "./capture-record.ts";
import type { CaptureSpool } from "./capture-spool.ts";
import type { EndpointMetrics, Gauges, Outcome, VariantMetrics } from "./endpoint-metrics.ts";
import { type Variant, type VariantAnswer, type VariantDefinition, type VariantOptions, variantOf } from "./variant.ts";

/*
 * All variants of an endpoint as one config names them, with their processes and captures. It is started as a whole, ended as a
 * whole, and answers all it has taken.
 */

export interface EndpointDefinition {
  name: string;
  /** Tells the fleets of an update apart in metrics. */
  configName?: string;
  variants: readonly VariantDefinition[];
  /** Gets a copy of a share of the requests; its answers are captured and thrown away. */
  shadow?: VariantDefinition;
  /** Takes invocations from its queue only. */
  isAsync?: boolean;
  capture?: CaptureSettings;
}

export interface GenerationOptions extends Omit<VariantOptions, "endpointName" | "onLine"> {
  blobs: Blobs;
  logs: Logs;
  spool: CaptureSpool | undefined;
  metrics: EndpointMetrics;
  /** Told of what a variant says beside its answers: ended workers, failed inferences, dropped captures. */
  onVariantLine: (line: VariantLine) => void;
  /** Told of captures that cannot be written; the variant's log, which may be on the same disk, gets it too. */
  onCaptureProblem: (line: VariantLine) => void;
}

export interface VariantLine {
  endpoint: string;
  variant: string;
  message: string;
}

/** New shares and numbers of workers of one variant. */
export interface VariantChange {
  variantName: string;
  weight?: number;
  workers?: number;
}

interface Member {
  variant: Variant;
  weight: number;
  capture: Capture | undefined;
  metrics: VariantMetrics;
  /** Taken so far. */
  invocations: number;
  /** Being answered or waiting. */
  outstanding: number;
}

export class Generation {
  readonly isAsync: boolean;
  readonly #endpointName: string;
  readonly #configName: string | undefined;
  readonly #options: GenerationOptions;
  readonly #members: Member[];
  readonly #shadow: Member | undefined;

  constructor(definition: EndpointDefinition, options: GenerationOptions) {
    this.#endpointName = definition.name;
    this.#configName = definition.configName;
    this.isAsync = definition.isAsync ?? false;
    this.#options = options;
    this.#members = definition.variants.map((variant) => this.#member(variant, definition.capture));
    this.#shadow = definition.shadow && this.#member(definition.shadow, definition.capture);
  }

  /** Resolves when every variant answers; rejects, with all of them closed, when one does not come up. */
  async start(): Promise<void> {
    const members = this.#all();
    const results = await Promise.allSettled(members.map(({ variant }) => variant.start()));
    const failed = results.findIndex((result) => result.status === "rejected");
    if (failed < 0) return;
    await this.close();
    const { reason } = results[failed] as PromiseRejectedResult;
    const name = members[failed]?.variant.name;
    throw new Error(
      `The primary container for production variant ${name} did not start: ${(reason as Error).message}`,
      {
        cause: reason,
      },
    );
  }

  async infer(request: InferenceRequest): Promise<InferenceResponse> {
    const member = this.#choose(request.targetVariant);
    this.#copyToShadow(request);
    member.invocations++;
    member.outstanding++;
    const variantName = member.variant.name;
    const { onPart } = request;
    const asked =
      onPart === undefined
        ? request
        : {
            ...request,
            signal: request.signal,
            onPart: (part: InferencePart) => onPart({ ...part, variantName }),
          };
    try {
      const { body, contentType, customAttributes } = await this.#ask(member, asked);
      const answer: InferenceResponse = { body, contentType, variantName };
      if (customAttributes !== undefined) answer.customAttributes = customAttributes;
      return answer;
    } finally {
      member.outstanding--;
    }
  }

  async #ask(member: Member, request: InferenceRequest): Promise<VariantAnswer> {
    const takenAt = performance.now();
    try {
      const answer = await member.variant.infer(request);
      if (request.source === undefined) member.capture?.record(exchangeOf(request, answer));
      this.#measure(member, { status: 200, takenAt, modelMs: answer.modelMs });
      return answer;
    } catch (error) {
      if (error instanceof Fault) {
        const modelStatus = error.members["OriginalStatusCode"] as number | undefined;
        this.#measure(member, { status: error.status, takenAt, modelStatus });
      }
      throw error;
    }
  }

  /** Resolves when the new workers answer and the old ones are gone. */
  async adjust(changes: readonly VariantChange[]): Promise<void> {
    const planned = changes.map((change) => {
      const member = this.#all().find(({ variant }) => variant.name === change.variantName);
      if (member === undefined) throw new Error(`endpoint ${this.#endpointName} has no variant ${change.variantName}`);
      return { member, change };
    });
    await Promise.all(
      planned.map(({ member, change }) =>
        change.workers === undefined ? undefined : member.variant.scale(change.workers),
      ),
    );
    for (const { member, change } of planned) member.weight = change.weight ?? member.weight;
  }

  /** Of several variants one may still have room: then each is asked. */
  refusesNow(): boolean {
    const [member, ...others] = this.#members;
    if (member === undefined || others.length > 0 || member.variant.isFull?.() !== true) return false;
    this.#measure(member, { status: 503, takenAt: performance.now() });
    return true;
  }

  get gauges(): Gauges[] {
    return this.#all().map(({ variant, outstanding }) => ({
      endpointName: this.#endpointName,
      variantName: variant.name,
      queueLength: variant.queueLength?.() ?? 0,
      workers: variant.workerCount(),
      outstanding,
    }));
  }

  /** What each variant has taken so far and is busy with. */
  get loads(): { variantName: string; invocations: number; outstanding: number }[] {
    return this.#members.map(({ variant, invocations, outstanding }) => ({
      variantName: variant.name,
      invocations,
      outstanding,
    }));
  }

  get workerIds(): number[] {
    return this.#all().flatMap(({ variant }) => variant.workerIds());
  }

  get isFailingCaptures(): boolean {
    return this.#all().some(({ capture }) => capture?.isFailing === true);
  }

  async writeCaptures(): Promise<void> {
    await Promise.all(this.#all().map(({ capture }) => capture?.writeAll()));
  }

  /** Answers what it has taken, then ends the processes. Captures end after the last answer: they still want its record. */
  async close(): Promise<void> {
    await Promise.all(
      this.#all().map(async ({ variant, capture }) => {
        await variant.close();
        await capture?.close();
      }),
    );
  }

  /** Where a variant does not know what of the time was the model's, all of it is. */
  #measure(
    { variant, metrics }: Member,
    outcome: Pick<Outcome, "status" | "modelStatus"> & { takenAt: number; modelMs?: number | undefined },
  ): void {
    const totalMs = performance.now() - outcome.takenAt;
    const modelMs = Math.min(totalMs, outcome.modelMs ?? totalMs);
    metrics.answered({
      status: outcome.status,
      modelStatus: outcome.modelStatus,
      modelMs,
      overheadMs: totalMs - modelMs,
      instances: variant.workerCount(),
      queueLength: variant.queueLength?.() ?? 0,
    });
  }

  #all(): Member[] {
    return this.#shadow === undefined ? this.#members : [...this.#members, this.#shadow];
  }

  #member(definition: VariantDefinition, settings: CaptureSettings | undefined): Member {
    const { clock, blobs, logs, spool } = this.#options;
    const endpointName = this.#endpointName;
    const variantName = definition.name;
    const metrics = this.#options.metrics.variant({ endpointName, variantName, configName: this.#configName });
    const stream = `${definition.name}/i-${clock.uuid().replaceAll("-", "").slice(0, 17)}`;
    const onLine = (message: string) => {
      logs.append(`/aws/sagemaker/Endpoints/${endpointName}`, stream, [{ timestampMs: clock.now(), message }]);
      this.#options.onVariantLine({ endpoint: endpointName, variant: variantName, message });
    };
    const onProblem = (message: string) => {
      onLine(message);
      this.#options.onCaptureProblem({ endpoint: endpointName, variant: variantName, message });
    };
    const onDrop = (records: number) => metrics.droppedCaptures(records);
    return {
      variant: variantOf(definition, { ...this.#options, endpointName, onLine }),
      metrics,
      weight: definition.weight,
      invocations: 0,
      outstanding: 0,
      capture: settings && new Capture({ blobs, clock, endpointName, variantName, settings, spool, onProblem, onDrop }),
    };
  }

  #choose(targetVariant: string | undefined): Member {
    if (targetVariant !== undefined) {
      const target = this.#members.find(({ variant }) => variant.name === targetVariant);
      if (target !== undefined) return target;
      throw new Fault("ValidationError", `Variant ${targetVariant} not found for endpoint ${this.#endpointName}.`);
    }
    const total = this.#totalWeight();
    let left = this.#options.clock.random() * total;
    const chosen = this.#members.find(({ weight }) => {
      left -= weight;
      return left < 0;
    });
    return chosen ?? (this.#members[0] as Member); // all weights zero
  }

  #totalWeight(): number {
    return this.#members.reduce((sum, { weight }) => sum + weight, 0);
  }

  /**
   * The copy goes its own way: the caller neither waits for it nor hears of its failure (the variant logs it), and it goes on
   * when the caller leaves. Its share is its weight against the production variant's, at most all.
   */
  #copyToShadow(request: InferenceRequest): void {
    const shadow = this.#shadow;
    if (shadow === undefined) return;
    if (this.#options.clock.random() * this.#totalWeight() >= shadow.weight) return;
    const copy = { ...request, signal: undefined, onPart: undefined };
    // What a shadow cannot answer is the shadow's loss alone; its metrics and its log tell.
    this.#ask(shadow, copy).catch(() => undefined);
  }
}

function exchangeOf(request: InferenceRequest, answer: VariantAnswer): Exchange {
  const exchange: Exchange = { input: request, output: answer };
  if (request.inferenceId !== undefined) exchange.inferenceId = request.inferenceId;
  if (request.customAttributes !== undefined) exchange.customAttributes = request.customAttributes;
  return exchange;
}
