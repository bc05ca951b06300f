import type { Metrics, RecordedMetric } from "../ports/metrics.ts";
import { Histogram } from "./histogram.ts";

/*
 * How endpoints do, in two languages: CloudWatch's metrics in AWS/SageMaker through the port, and the text that Prometheus
 * reads. Counts belong to an endpoint's variant and outlive its generations, as counters must.
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

export class EndpointMetrics {
  readonly #metrics: Metrics | undefined;
  readonly #counts = new Map<string, Counts>();

  constructor(metrics: Metrics | undefined) {
    this.#metrics = metrics;
  }

  /** The recorder of one variant of one generation. With `configName` CloudWatch can tell a new fleet from the old one. */
  variant(place: { endpointName: string; variantName: string; configName?: string | undefined }): VariantMetrics {
    return new VariantMetrics(this.#metrics, this.#countsOf(place), place.configName);
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

  constructor(metrics: Metrics | undefined, counts: Counts, configName: string | undefined) {
    this.#metrics = metrics;
    this.#counts = counts;
    const dimensions = { EndpointName: counts.endpointName, VariantName: counts.variantName };
    this.#cloudWatch = [
      cloudWatchMetrics(dimensions),
      ...(configName === undefined ? [] : [cloudWatchMetrics({ ...dimensions, EndpointConfigName: configName })]),
    ];
  }

  answered({ status, modelStatus, modelMs, overheadMs, instances, queueLength }: Outcome): void {
    const { byStatus, model, overhead } = this.#counts;
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
    const reachedModel = status === 200 || status === modelErrorStatus;
    if (reachedModel) model.add(modelMs / 1000);
    overhead.add(overheadMs / 1000);
    const metrics = this.#metrics;
    if (metrics === undefined) return;
    const answered = modelStatus ?? status;
    for (const of of this.#cloudWatch) {
      metrics.record(of.invocations, 1);
      metrics.record(of.perInstance, 1 / Math.max(1, instances));
      // A zero for every other request, so that an average is a rate, as on AWS.
      // What the model answered counts as its own kind of error too.
      metrics.record(of.errors4xx, answered >= 400 && answered < 500 ? 1 : 0);
      metrics.record(of.errors5xx, answered >= 500 || answered === 0 ? 1 : 0);
      metrics.record(of.modelErrors, status === modelErrorStatus ? 1 : 0);
      if (reachedModel) metrics.record(of.modelLatency, modelMs * 1000);
      metrics.record(of.overheadLatency, overheadMs * 1000);
      metrics.record(of.queueLength, queueLength);
    }
  }

  droppedCaptures(records: number): void {
    this.#counts.droppedCaptures += records;
    for (const of of this.#cloudWatch) this.#metrics?.record(of.droppedCaptures, records);
  }
}

const modelErrorStatus = 424;

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
