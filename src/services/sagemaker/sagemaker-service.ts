import { availableParallelism } from "node:os";
import { join } from "node:path";
import { metricDefinitions, trainingCommand, warning } from "../../learn/training-command.ts";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { EndpointLoads } from "../../ports/endpoint-loads.ts";
import type { Events } from "../../ports/events.ts";
import type { Logs } from "../../ports/logs.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { AsyncModels, Models } from "../../ports/models.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";
import { Gateway } from "../../serve/gateway.ts";
import type { VariantLine } from "../../serve/generation.ts";
import type { Service } from "../../wire/service.ts";
import { AsyncInference } from "./async-inference.ts";
import { endpointConfigHandlers } from "./endpoint-configs.ts";
import { EndpointFleet } from "./endpoint-fleet.ts";
import { endpointHandlers } from "./endpoints.ts";
import { mlPlaces } from "./ml-place.ts";
import { modelRegistryHandlers } from "./model-registry/model-packages.ts";
import { modelHandlers } from "./models.ts";
import { monitoring as modelMonitoring } from "./monitoring/monitoring.ts";
import { monitoringPrograms } from "./monitoring/monitoring-programs.ts";
import { createProcessingJob, processingJobHandlers } from "./processing/processing-jobs.ts";
import { ProcessingRunner } from "./processing/processing-runner.ts";
import { stateChanges } from "./state-change-events.ts";
import { tagHandlers } from "./tags.ts";
import type { Algorithms } from "./training-algorithm.ts";
import type { TrainingCapacity } from "./training-capacity.ts";
import { createTrainingJob, trainingJobHandlers } from "./training-jobs.ts";
import { checkTrainingRequest } from "./training-request.ts";
import { TrainingRunner } from "./training-runner.ts";
import { transformJobHandlers } from "./transform-jobs.ts";
import { TransformRunner } from "./transform-runner.ts";
import { trialsOf } from "./tuning/tuning-job.ts";
import { tuningJobHandlers } from "./tuning/tuning-jobs.ts";
import { TuningRunner } from "./tuning/tuning-runner.ts";

export interface SagemakerOptions {
  resources: Resources;
  blobs: Blobs;
  logs: Logs;
  events: Events;
  /** Topics and buckets are asked for through it. */
  operations: Operations;
  /** Told how endpoints do. */
  metrics?: Metrics;
  /** Told of what happens to endpoints, for the server's log. */
  onEvent?: (name: string, fields: Readonly<Record<string, unknown>>) => void;
  clock: Clock;
  /** Folders of running training jobs and unpacked models live here; it must outlive the process. */
  directory: string;
  /** Named in the texts of failed invocations. */
  region: string;
  accountId: string;
  /** What every program of the user's finds in its environment: a PATH, and how to reach this server. Nothing else gets in. */
  programEnvironment?: () => Readonly<Record<string, string>>;
  /** All cores of the machine for one job at a time by default. */
  trainingCapacity?: TrainingCapacity;
  /** Requests waiting per endpoint variant before callers are answered 503. */
  maxQueue?: number;
  /** Worker processes per variant; the number of cores by default. */
  maxWorkersPerVariant?: number;
  /** As SageMaker gives its containers to answer. */
  inferenceTimeoutMs?: number;
  /** From SIGTERM to SIGKILL for a stopped training job or container. */
  stopGraceMs?: number;
  /** Programs by the repository name of their image. */
  algorithms?: Algorithms;
  /** Told what failed in the background. */
  report: (message: string, error: unknown) => void;
}

export const defaultStopGraceMs = 30_000;
/** As AWS: a large data set is measured and a model of several networks exported in that time. */
const trainingStopGraceMs = 120_000;

export interface Sagemaker {
  service: Service;
  /** The endpoints, for whoever invokes them. */
  models: Models;
  asyncModels: AsyncModels;
  loads: EndpointLoads;
  /** Whether a request would be refused because too many wait; counts it as refused when so. */
  refusesNow(endpointName: string): boolean;
  /** Whether an endpoint of that name takes requests. */
  hasEndpoint(name: string): boolean;
  /** How the endpoints do, as Prometheus reads it. */
  metricsText(): string;
  /** Goes on with what was under way when the server ended. Call once, when blobs and events can be used. */
  resume(): void;
  /** Answers what it has taken, writes the captures, ends all processes. */
  close(): Promise<void>;
}

/** The algorithms that Scones brings itself. */
const builtInAlgorithms: Algorithms = {
  "image-classification": () => ({ ...trainingCommand(), metricDefinitions, warning }),
};

export function sagemakerService(options: SagemakerOptions): Sagemaker {
  const { resources, blobs, logs, metrics, clock, report } = options;
  const programEnvironment = options.programEnvironment ?? (() => ({}));
  const algorithms = options.algorithms ?? builtInAlgorithms;
  const capacity = options.trainingCapacity ?? { cores: availableParallelism(), jobs: 1 };
  const changes = stateChanges(options.events, clock, report);
  const gateway = new Gateway({
    ...definedOf({
      maxQueue: options.maxQueue,
      maxWorkersPerVariant: options.maxWorkersPerVariant,
      inferenceTimeoutMs: options.inferenceTimeoutMs,
      metrics: options.metrics,
      onVariantLine: (line: VariantLine) => options.onEvent?.("endpoint", { ...line }),
      onCaptureProblem: ({ endpoint, variant, message }: VariantLine) =>
        report(`captures of ${endpoint}/${variant}: ${message}`, undefined),
      stopGraceMs: options.stopGraceMs,
    }),
    clock,
    blobs,
    logs,
    region: options.region,
    accountId: options.accountId,
    captureFolder: join(options.directory, "captures"),
  });
  const fleet = new EndpointFleet({
    resources,
    blobs,
    clock,
    gateway,
    operations: options.operations,
    directory: join(options.directory, "endpoints"),
    programEnvironment,
    onChange: (endpoint) => {
      changes.endpoint(endpoint);
      const { name, status, failureReason } = endpoint;
      options.onEvent?.("endpoint", { endpoint: name, status, ...(failureReason && { failureReason }) });
    },
    onStage: changes.deployment,
    ...(metrics && { metrics }),
    report,
  });
  const asyncInference = new AsyncInference({
    resources,
    blobs,
    operations: options.operations,
    ...(metrics && { metrics }),
    clock,
    region: options.region,
    accountId: options.accountId,
    invoke: (name, request) => gateway.invokeQueued(name, request),
    report,
  });
  const places = mlPlaces(join(options.directory, "ml-probe"), programEnvironment);
  const runner = new TrainingRunner({
    resources,
    blobs,
    logs,
    clock,
    algorithms,
    places,
    directory: join(options.directory, "training"),
    environment: programEnvironment,
    capacity,
    stopGraceMs: options.stopGraceMs ?? trainingStopGraceMs,
    onChange: (job) => {
      changes.trainingJob(job);
      tuning.onTrainingJob(job);
    },
    onMetric: (job, metric) => tuning.onMetric(job, metric),
    report,
  });
  const training = { resources, clock, algorithms, runner, capacity };
  const tuning = new TuningRunner({
    resources,
    clock,
    startTraining: (request, job, tuning) => {
      const atOnce = job.request.HyperParameterTuningJobConfig?.ResourceLimits?.MaxParallelTrainingJobs;
      createTrainingJob(training, request, job, { tuning, atOnce });
    },
    stopTraining: (name) => runner.stop(name),
    onChange: (job) => changes.tuningJob(job, trialsOf(resources, job.name)),
    report,
  });
  const transforms = new TransformRunner({
    resources,
    blobs,
    logs,
    operations: options.operations,
    clock,
    directory: join(options.directory, "transform"),
    programEnvironment,
    region: options.region,
    accountId: options.accountId,
    ...(options.maxWorkersPerVariant && { maxWorkers: options.maxWorkersPerVariant }),
    stopGraceMs: options.stopGraceMs ?? defaultStopGraceMs,
    onChange: changes.transformJob,
    report,
  });
  const processing = new ProcessingRunner({
    resources,
    blobs,
    logs,
    operations: options.operations,
    clock,
    directory: join(options.directory, "processing"),
    programs: monitoringPrograms,
    places,
    environment: programEnvironment,
    stopGraceMs: options.stopGraceMs ?? defaultStopGraceMs,
    onChange: (job) => {
      changes.processingJob(job);
      monitoring.onJob(job);
    },
    onProgramEnd: (job, ml) => monitoring.onProgramEnd(job, ml),
    report,
  });
  const monitoring = modelMonitoring({
    resources,
    blobs,
    operations: options.operations,
    clock,
    programs: monitoringPrograms,
    createJob: (request, origin) => void createProcessingJob({ resources, clock, runner: processing }, request, origin),
    writeCaptures: (endpointName) => gateway.writeCaptures(endpointName),
    report,
  });
  const now = () => clock.now();
  return {
    service: {
      name: "sagemaker",
      handlers: {
        ...trainingJobHandlers(training),
        ...tuningJobHandlers({
          resources,
          clock,
          algorithms,
          runner: tuning,
          checkTraining: (request) => void checkTrainingRequest(request, algorithms),
        }),
        ...modelHandlers({ resources, blobs, now }),
        ...modelRegistryHandlers({ resources, clock, onChange: changes.modelPackage }),
        ...endpointConfigHandlers({ resources, now }),
        ...endpointHandlers({ resources, clock, fleet, ...(metrics && { metrics }), onChange: changes.endpoint }),
        ...transformJobHandlers({ resources, clock, runner: transforms }),
        ...processingJobHandlers({ resources, clock, programs: monitoringPrograms, runner: processing }),
        ...monitoring.handlers,
        ...tagHandlers(resources),
      },
    },
    models: gateway,
    refusesNow: (name) => gateway.refusesNow(name),
    hasEndpoint: (name) => gateway.hasEndpoint(name),
    metricsText: () => gateway.metricsText(),
    asyncModels: asyncInference,
    loads: {
      loads: () =>
        fleet.loads().map((load) => ({
          ...load,
          outstanding: Math.max(load.outstanding, asyncInference.backlog(load.endpointName)),
        })),
    },
    resume: () => {
      const recovered = gateway.recoverCaptures().catch((error: unknown) => report("captures of the last run", error));
      fleet.resume();
      asyncInference.resume();
      transforms.resume();
      processing.resume();
      void recovered.then(() => monitoring.resume()); // what has ended meanwhile is looked at whole
      runner.resume();
      tuning.resume();
    },
    close: async () => {
      tuning.close();
      await Promise.all([
        runner.close(),
        transforms.close(),
        processing.close(),
        asyncInference.close().then(() => fleet.close()),
      ]);
      await changes.close();
    },
  };
}

/** Without the members that are undefined, so that defaults apply. */
function definedOf<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
