import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Events, ServiceEvent } from "../../ports/events.ts";
import { describeEndpoint } from "./describe-endpoint.ts";
import { describePackage, type StoredModelPackage } from "./model-registry/model-package.ts";
import { describeProcessingJob, type StoredProcessingJob } from "./processing/processing-job.ts";
import type { StoredEndpoint } from "./stored-endpoint.ts";
import { describeTrainingJob, type StoredTrainingJob } from "./training-job.ts";
import { describeTransformJob, type StoredTransformJob } from "./transform-job.ts";
import { describeTuningJob, type StoredTuningJob, type TrialJob } from "./tuning/tuning-job.ts";

export interface StateChanges {
  trainingJob(job: StoredTrainingJob): void;
  tuningJob(job: StoredTuningJob, trials: readonly TrialJob[]): void;
  transformJob(job: StoredTransformJob): void;
  processingJob(job: StoredProcessingJob): void;
  modelPackage(stored: StoredModelPackage): void;
  endpoint(endpoint: StoredEndpoint): void;
  /** A step of a deployment. */
  deployment(endpoint: StoredEndpoint): void;
  /** Resolves when everything announced so far has been taken. */
  close(): Promise<void>;
}

/** Announces what EventBridge would: the description, with times in epoch milliseconds and an endpoint's status in capitals. */
export function stateChanges(
  events: Events,
  clock: Clock,
  report: (message: string, error: unknown) => void,
): StateChanges {
  const open = new Set<Promise<void>>();
  const announce = (detailType: string, arn: string, detail: object) => {
    const event: ServiceEvent = {
      id: clock.uuid(),
      source: "aws.sagemaker",
      detailType,
      timeMs: clock.now(),
      resources: [arn],
      detail: inEventForm(detail),
    };
    const done = events
      .announce(event)
      .catch((error: unknown) => report(`announcing ${detailType} of ${arn}`, error))
      .finally(() => open.delete(done));
    open.add(done);
  };
  const announceEndpoint = (detailType: string, endpoint: StoredEndpoint) => {
    const EndpointStatus = endpoint.status.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
    announce(detailType, endpoint.arn, { ...describeEndpoint(endpoint), EndpointStatus, Tags: {} });
  };
  return {
    transformJob: (job) => announce("SageMaker Transform Job State Change", job.arn, describeTransformJob(job)),
    modelPackage: (stored) => announce("SageMaker Model Package State Change", stored.arn, describePackage(stored)),
    processingJob: (job) => announce("SageMaker Processing Job State Change", job.arn, describeProcessingJob(job)),
    trainingJob: (job) =>
      announce("SageMaker Training Job State Change", job.arn, describeTrainingJob(job, clock.now())),
    tuningJob: (job, trials) =>
      announce("SageMaker HyperParameter Tuning Job State Change", job.arn, describeTuningJob(job, trials)),
    endpoint: (endpoint) => announceEndpoint("SageMaker Endpoint State Change", endpoint),
    deployment: (endpoint) => announceEndpoint("SageMaker Endpoint Deployment State Change", endpoint),
    close: async () => void (await Promise.all(open)),
  };
}

function inEventForm(detail: object): { [name: string]: Json } {
  return JSON.parse(
    JSON.stringify(detail, function (this: Record<string, unknown>, name, value) {
      const raw = this[name]; // `value` is already what Date.toJSON made of it
      return raw instanceof Date ? raw.getTime() : value;
    }),
  );
}
