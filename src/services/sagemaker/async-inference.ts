import { buffer } from "node:stream/consumers";
import type { AsyncInferenceConfig } from "@aws-sdk/client-sagemaker";
import { Fault } from "../../kit/fault.ts";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import { type DeliveryQueue, deliveryQueue } from "../../ports/delivery-queue.ts";
import type { Metrics, RecordedMetric } from "../../ports/metrics.ts";
import type {
  AsyncInferenceRequest,
  AsyncInferenceTicket,
  AsyncModels,
  InferenceRequest,
  InferenceResponse,
} from "../../ports/models.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";
import { endpointNotFound } from "../../serve/model-error.ts";
import { asyncNotification } from "./async-notification.ts";
import { kindOf, parseS3Uri } from "./resource-names.ts";
import type { StoredEndpoint } from "./stored-endpoint.ts";

/*
 * Asynchronous inference: one durable queue per endpoint. What was answered with 202 is in the queue's rows before the answer
 * is sent; a row goes when the output, or the reason of the failure, is in its bucket. After `kill -9` an invocation may be
 * made again; its output has the same name.
 */

export interface AsyncInferenceOptions {
  resources: Resources;
  blobs: Blobs;
  operations: Operations;
  metrics?: Metrics;
  clock: Clock;
  region: string;
  accountId: string;
  /** Invokes the endpoint itself. */
  invoke: (endpointName: string, request: InferenceRequest) => Promise<InferenceResponse>;
  report: (message: string, error: unknown) => void;
}

/** One invocation as it is kept. */
export interface AsyncJob {
  endpointName: string;
  inferenceId: string;
  request: Omit<AsyncInferenceRequest, "input">;
  inputLocation?: string;
  /** Base64. */
  body?: string;
  outputLocation: string;
  failureLocation?: string;
  config: AsyncInferenceConfig;
  receivedMs: number;
}

/** Rows of 128 KB at most: some gigabytes on the disk at the very worst. */
const mostWaiting = 20_000;
/** Where the config names none; AWS chooses by itself. */
const defaultConcurrencyPerInstance = 4;
/** As AWS bounds an input in S3. */
const maxInputBytes = 1024 ** 3;
/** Larger inputs go from S3 to the model without being held. */
const maxHeldBytes = 8 * 1024 ** 2;
/** While the endpoint comes back, or is full. */
const retryMs = 1_000;

export class AsyncInference implements AsyncModels {
  readonly #options: AsyncInferenceOptions;
  readonly #queues = new Map<string, DeliveryQueue<AsyncJob>>();

  constructor(options: AsyncInferenceOptions) {
    this.#options = options;
  }

  /** After a start of the server: what waited is done now. */
  resume(): void {
    for (const { value } of this.#options.resources.list<StoredEndpoint>(kindOf("endpoint"))) {
      if (value.current?.async !== undefined) this.#queueOf(value);
    }
  }

  async submit(endpointName: string, request: AsyncInferenceRequest): Promise<AsyncInferenceTicket> {
    const { resources, clock } = this.#options;
    const endpoint = this.#find(endpointName);
    const config = endpoint?.current?.async;
    if (endpoint === undefined || endpoint.current === undefined || endpoint.status === "Deleting") {
      throw endpointNotFound({ endpointName, ...this.#options });
    }
    if (config === undefined) {
      // A guess: AWS's words were never recorded.
      throw invalid(`Endpoint ${endpointName} is not asynchronous: its config has no AsyncInferenceConfig.`);
    }
    const queue = this.#queueOf(endpoint);
    if (queue.size() >= mostWaiting) {
      throw new Fault("ServiceUnavailable", "The service is unavailable. Try your call again.", { status: 503 });
    }
    const { input, ...rest } = request;
    if ("location" in input) checkLocation(input.location);
    const name = clock.uuid();
    const output = config.OutputConfig ?? {};
    const place = [request.outputExtension, request.fileName ?? `${name}.out`];
    const failurePath = output.S3FailurePath;
    const ticket: AsyncInferenceTicket = {
      inferenceId: request.inferenceId ?? clock.uuid(),
      outputLocation: below(output.S3OutputPath as string, place),
      ...(failurePath === undefined ? {} : { failureLocation: below(failurePath, [`${name}-error.out`]) }),
    };
    const job: AsyncJob = {
      endpointName,
      ...ticket,
      request: rest,
      config,
      receivedMs: clock.now(),
      ...("location" in input
        ? { inputLocation: input.location }
        : { body: Buffer.from(input.body).toString("base64") }),
    };
    resources.transaction(() => queue.add([job]));
    this.#countBacklog(endpoint);
    return ticket;
  }

  /** How many wait or are being answered. */
  backlog(endpointName: string): number {
    return this.#queues.get(endpointName)?.size() ?? 0;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }

  #queueOf({ name, current }: StoredEndpoint): DeliveryQueue<AsyncJob> {
    const existing = this.#queues.get(name);
    if (existing !== undefined) return existing;
    const { resources, clock, report } = this.#options;
    const instances = current?.variants.reduce((sum, { instanceCount }) => sum + instanceCount, 0) ?? 1;
    const perInstance = current?.async?.ClientConfig?.MaxConcurrentInvocationsPerInstance;
    const queue = deliveryQueue<AsyncJob>({
      resources,
      clock,
      kind: `sagemaker/async/${name}`,
      concurrency: (perInstance ?? defaultConcurrencyPerInstance) * instances,
      deliver: (job, { signal }) => this.#answer(job, signal),
      retryDelayMs: (_job, _attempt, error) => (error instanceof Fault && error.isRetryable ? retryMs : undefined),
      giveUp: (job, error) => this.#fail(job, error),
      report: (error) => report(`an asynchronous invocation of ${name}`, error),
    });
    this.#queues.set(name, queue);
    return queue;
  }

  async #answer(job: AsyncJob, signal: AbortSignal): Promise<void> {
    const { clock, invoke } = this.#options;
    if (clock.now() > job.receivedMs + job.request.ttlMs) {
      throw new ClientError(`The request waited longer than its TTL of ${job.request.ttlMs / 1000} seconds.`);
    }
    const endpoint = this.#find(job.endpointName);
    if (endpoint === undefined) throw endpointNotFound({ endpointName: job.endpointName, ...this.#options });
    const input = await this.#inputOf(job);
    let answer: InferenceResponse;
    try {
      const { contentType, accept, customAttributes, timeoutMs } = job.request;
      const { inferenceId } = job;
      answer = await invoke(job.endpointName, {
        ...input,
        contentType,
        inferenceId,
        timeoutMs,
        signal,
        ...(accept === undefined ? {} : { accept }),
        ...(customAttributes === undefined ? {} : { customAttributes }),
      });
    } catch (error) {
      // It is there but does not answer yet: it is coming back after a restart.
      const isComingBack = error instanceof Fault && error.code === "ValidationError" && endpoint.status !== "Failed";
      if (isComingBack) throw new Fault(error.code, error.message, { isRetryable: true, cause: error });
      throw error;
    }
    await this.#write(job.outputLocation, answer.body, answer.contentType);
    await this.#notify(job, { answer });
  }

  async #inputOf({ inputLocation, body = "" }: AsyncJob): Promise<Pick<InferenceRequest, "body" | "source">> {
    if (inputLocation === undefined) return { body: Buffer.from(body, "base64") };
    const { blobs } = this.#options;
    const { bucket, key } = parseS3Uri(inputLocation);
    const missing = () => new ClientError(`The input ${inputLocation} could not be found.`);
    const info = await blobs.head(`${bucket}/${key}`);
    if (info === undefined) throw missing();
    const { sizeBytes } = info;
    if (sizeBytes > maxInputBytes) {
      throw new ClientError(`The input ${inputLocation} has ${sizeBytes} bytes; at most ${maxInputBytes} are taken.`);
    }
    const open = async () => {
      const blob = await blobs.get(`${bucket}/${key}`);
      if (blob === undefined) throw missing();
      if (blob.sizeBytes === sizeBytes) return blob.body;
      blob.body.destroy();
      throw new ClientError(`The input ${inputLocation} was changed while it was read.`);
    };
    if (sizeBytes > maxHeldBytes) return { body: new Uint8Array(), source: { sizeBytes, open } };
    return { body: await buffer(await open()) };
  }

  async #fail(job: AsyncJob, error: unknown): Promise<void> {
    const { code, message } = error as Fault;
    const reason =
      error instanceof ClientError ? `ClientError: ${message}` : `${code ?? "InternalFailure"}: ${message}`;
    if (!(error instanceof Fault) && !(error instanceof ClientError)) {
      this.#options.report(`an asynchronous invocation of ${job.endpointName}`, error);
    }
    if (job.failureLocation !== undefined) {
      await this.#write(job.failureLocation, Buffer.from(reason), "text/plain").catch((failure: unknown) =>
        this.#options.report(`the failure of ${job.inferenceId} could not be written`, failure),
      );
    }
    await this.#notify(job, { reason });
  }

  async #write(location: string, body: Uint8Array, contentType: string): Promise<void> {
    const { bucket, key } = parseS3Uri(location);
    const input = { Bucket: bucket, Key: key, Body: body, ContentType: contentType };
    await this.#options.operations.call("s3", "PutObject", input);
  }

  /** A topic that is gone must not cost the output. */
  async #notify(job: AsyncJob, outcome: { answer: InferenceResponse } | { reason: string }): Promise<void> {
    const { operations, clock, region, report } = this.#options;
    const notification = asyncNotification(job, outcome, { nowMs: clock.now(), region });
    if (notification !== undefined) {
      await operations
        .call("sns", "Publish", notification)
        .catch((error: unknown) => report(`the notification of ${job.inferenceId}`, error));
    }
    const endpoint = this.#find(job.endpointName);
    if (endpoint !== undefined) this.#countBacklog(endpoint);
  }

  #countBacklog({ name, current }: StoredEndpoint): void {
    const instances = current?.variants.reduce((sum, { instanceCount }) => sum + instanceCount, 0) ?? 1;
    const metric = (of: string): RecordedMetric => ({
      namespace: "AWS/SageMaker",
      name: of,
      dimensions: { EndpointName: name },
      unit: "Count",
    });
    const backlog = this.backlog(name);
    this.#options.metrics?.record(metric("ApproximateBacklogSize"), backlog);
    this.#options.metrics?.record(metric("ApproximateBacklogSizePerInstance"), backlog / instances);
  }

  #find(name: string): StoredEndpoint | undefined {
    return this.#options.resources.get<StoredEndpoint>(kindOf("endpoint"), name)?.value;
  }
}

/** What the caller can put right. */
class ClientError extends Error {}

function below(path: string, names: readonly (string | undefined)[]): string {
  return [path.replace(/\/+$/, ""), ...names.filter((name) => name !== undefined)].join("/");
}

function checkLocation(location: string): void {
  if (!location.startsWith("s3://")) throw invalid(`InputLocation "${location}" is not an s3:// address.`);
}

function invalid(message: string): Fault {
  return new Fault("ValidationError", message);
}
