import type { Clock } from "../ports/clock.ts";
import type { Metrics, RecordedMetric } from "../ports/metrics.ts";
import { Histogram } from "./histogram.ts";

/*
 * How endpoints do, in two languages: CloudWatch's metrics in AWS/SageMaker through the port, and the text that Prometheus
 * reads. Counts belong to an endpoint's variant and outlive its generations, as counters must. CloudWatch is told a second later,
 * of all requests together: sixteen observations for each would cost as much as reading it.
 */

/** One request as it ended. */
export interface Outcome {
  /** 200, or the status of the fault. */
  status: number;
  /** What the model answered when it failed; 0 for no answer at all. */
  modelStatus?: number | undefined;
  /** From being handed to the model until its answer. */
  modelMs: number;
  /** Everything else: waiting, choosing, recording. */
  overheadMs: number;
  instances: number;
  /** How many others wait now. */
  queueLength: number;
}

/** What is true now, asked for when somebody looks. */
export interface Gauges {
  endpointName: string;
  variantName: string;
  queueLength: number;
  workers: number;
  outstanding: number;
}

interface Counts {
  endpointName: string;
  variantName: string;
  byStatus: Map<number, number>;
  model: Histogram;
  overhead: Histogram;
  droppedCaptures: number;
}

const tellAfterMs = 1_000;

export class EndpointMetrics {
  readonly #metrics: Metrics | undefined;
  readonly #clock: Pick<Clock, "schedule">;
  readonly #counts = new Map<string, Counts>();
  readonly #untold = new Set<VariantMetrics>();

  constructor(metrics: Metrics | undefined, clock: Pick<Clock, "schedule">) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  /** The recorder of one variant of one generation. With `configName` CloudWatch can tell a new fleet from the old one. */
  variant(place: { endpointName: string; variantName: string; configName?: string | undefined }): VariantMetrics {
    return new VariantMetrics(this.#metrics, this.#countsOf(place), {
      configName: place.configName,
      onUntold: (variant) => this.#tellLater(variant),
    });
  }

  /** Tells CloudWatch what it has not heard of yet. */
  tell(): void {
    for (const variant of this.#untold) variant.tell();
    this.#untold.clear();
  }

  #tellLater(variant: VariantMetrics): void {
    if (this.#untold.size === 0) this.#clock.schedule(tellAfterMs, () => this.tell());
    this.#untold.add(variant);
  }

  forget(endpointName: string): void {
    for (const [key, counts] of this.#counts) if (counts.endpointName === endpointName) this.#counts.delete(key);
  }

  /** In Prometheus's text format, version 0.0.4. */
  text(gauges: readonly Gauges[]): string {
    const all = [...this.#counts.values()];
    return [
      ...family("scones_endpoint_invocations_total", "counter", "Requests by the status they were answered with."),
      ...all.flatMap((one) =>
        [...one.byStatus].map(
          ([status, n]) => `scones_endpoint_invocations_total{${labels(one)},code="${status}"} ${n}`,
        ),
      ),
      ...family(
        "scones_endpoint_model_latency_seconds",
        "histogram",
        "From handing a request to the model to its answer.",
      ),
      ...all.flatMap((one) => one.model.lines("scones_endpoint_model_latency_seconds", labels(one))),
      ...family(
        "scones_endpoint_overhead_latency_seconds",
        "histogram",
        "What a request took beside the model: mostly waiting.",
      ),
      ...all.flatMap((one) => one.overhead.lines("scones_endpoint_overhead_latency_seconds", labels(one))),
      ...family("scones_endpoint_dropped_captures_total", "counter", "Sampled records that are in no capture file."),
      ...all.map((one) => `scones_endpoint_dropped_captures_total{${labels(one)}} ${one.droppedCaptures}`),
      ...family("scones_endpoint_queue_length", "gauge", "Requests that wait for a worker."),
      ...gauges.map((one) => `scones_endpoint_queue_length{${labels(one)}} ${one.queueLength}`),
      ...family("scones_endpoint_outstanding", "gauge", "Requests that are taken and not answered."),
      ...gauges.map((one) => `scones_endpoint_outstanding{${labels(one)}} ${one.outstanding}`),
      ...family("scones_endpoint_workers", "gauge", "Model processes that are ready."),
      ...gauges.map((one) => `scones_endpoint_workers{${labels(one)}} ${one.workers}`),
      "",
    ].join("\n");
  }

  #countsOf({ endpointName, variantName }: { endpointName: string; variantName: string }): Counts {
    const key = `${endpointName}/${variantName}`;
    let counts = this.#counts.get(key);
    if (counts === undefined) {
      counts = {
        endpointName,
        variantName,
        byStatus: new Map(),
        model: new Histogram(),
        overhead: new Histogram(),
        droppedCaptures: 0,
      };
      this.#counts.set(key, counts);
    }
    return counts;
  }
}

export class VariantMetrics {
  readonly #metrics: Metrics | undefined;
  readonly #counts: Counts;
  readonly #cloudWatch: ReturnType<typeof cloudWatchMetrics>[];
  readonly #onUntold: (variant: VariantMetrics) => void;
  #untold = new Untold();

  constructor(
    metrics: Metrics | undefined,
    counts: Counts,
    options: { configName: string | undefined; onUntold: (variant: VariantMetrics) => void },
  ) {
    const { configName } = options;
    this.#metrics = metrics;
    this.#counts = counts;
    this.#onUntold = options.onUntold;
    const dimensions = { EndpointName: counts.endpointName, VariantName: counts.variantName };
    this.#cloudWatch = [
      cloudWatchMetrics(dimensions),
      ...(configName === undefined ? [] : [cloudWatchMetrics({ ...dimensions, EndpointConfigName: configName })]),
    ];
  }

  answered(outcome: Outcome): void {
    const { byStatus, model, overhead } = this.#counts;
    const { status } = outcome;
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
    if (reachedModel(status)) model.add(outcome.modelMs / 1000);
    overhead.add(outcome.overheadMs / 1000);
    if (this.#metrics === undefined) return;
    if (this.#untold.requests === 0) this.#onUntold(this);
    this.#untold.add(outcome);
  }

  tell(): void {
    const untold = this.#untold;
    this.#untold = new Untold();
    const { requests } = untold;
    for (const of of this.#cloudWatch) {
      this.#record(of.invocations, 1, requests);
      this.#recordAll(of.perInstance, untold.perInstance);
      // A zero for every other request, so that an average is a rate, as on AWS.
      for (const kind of ["errors4xx", "errors5xx", "modelErrors"] as const) {
        this.#record(of[kind], 1, untold[kind]);
        this.#record(of[kind], 0, requests - untold[kind]);
      }
      this.#recordAll(of.modelLatency, untold.modelMicros);
      this.#recordAll(of.overheadLatency, untold.overheadMicros);
      this.#recordAll(of.queueLength, untold.queueLengths);
    }
  }

  #record(metric: RecordedMetric, value: number, count: number): void {
    if (count > 0) this.#metrics?.record(metric, value, { count });
  }

  #recordAll(metric: RecordedMetric, values: ReadonlyMap<number, number>): void {
    for (const [value, count] of values) this.#record(metric, value, count);
  }

  droppedCaptures(records: number): void {
    this.#counts.droppedCaptures += records;
    for (const of of this.#cloudWatch) this.#metrics?.record(of.droppedCaptures, records);
  }
}

/** Requests that CloudWatch has not heard of yet. */
class Untold {
  requests = 0;
  errors4xx = 0;
  errors5xx = 0;
  modelErrors = 0;
  readonly perInstance = new Map<number, number>();
  readonly modelMicros = new Map<number, number>();
  readonly overheadMicros = new Map<number, number>();
  readonly queueLengths = new Map<number, number>();

  add({ status, modelStatus, modelMs, overheadMs, instances, queueLength }: Outcome): void {
    this.requests++;
    // What the model answered counts as its own kind of error too.
    const answered = modelStatus ?? status;
    if (answered >= 400 && answered < 500) this.errors4xx++;
    if (answered >= 500 || answered === 0) this.errors5xx++;
    if (status === modelErrorStatus) this.modelErrors++;
    if (reachedModel(status)) count(this.modelMicros, rounded(modelMs * 1000));
    count(this.perInstance, 1 / Math.max(1, instances));
    count(this.overheadMicros, rounded(overheadMs * 1000));
    count(this.queueLengths, queueLength);
  }
}

function count(values: Map<number, number>, value: number): void {
  values.set(value, (values.get(value) ?? 0) + 1);
}

/** To three digits: what is nearly equal is counted together. */
function rounded(micros: number): number {
  let step = 1;
  while (micros >= 1000 * step) step *= 10;
  return Math.round(micros / step) * step;
}

const modelErrorStatus = 424;

function reachedModel(status: number): boolean {
  return status === 200 || status === modelErrorStatus;
}

function cloudWatchMetrics(dimensions: Readonly<Record<string, string>>) {
  const metric = (name: string, unit: string, namespace = "AWS/SageMaker"): RecordedMetric => ({
    namespace,
    name,
    dimensions,
    unit,
  });
  return {
    invocations: metric("Invocations", "None"),
    perInstance: metric("InvocationsPerInstance", "None"),
    errors4xx: metric("Invocation4XXErrors", "None"),
    errors5xx: metric("Invocation5XXErrors", "None"),
    modelErrors: metric("InvocationModelErrors", "None"),
    modelLatency: metric("ModelLatency", "Microseconds"),
    overheadLatency: metric("OverheadLatency", "Microseconds"),
    // Of our own namespace, because AWS has no such metrics.
    queueLength: metric("QueueLength", "Count", "Scones/Endpoints"),
    droppedCaptures: metric("DroppedCaptures", "Count", "Scones/Endpoints"),
  };
}

function family(name: string, type: "counter" | "gauge" | "histogram", help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

/** Names of endpoints and variants hold letters, digits and hyphens only: nothing to escape. */
function labels({ endpointName, variantName }: { endpointName: string; variantName: string }): string {
  return `endpoint="${endpointName}",variant="${variantName}"`;
}
