import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { Fault } from "../../kit/fault.ts";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logs } from "../../ports/logs.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";
import { ArchiveError } from "../../serve/unpack-archive.ts";
import { type Variant, variantOf } from "../../serve/variant.ts";
import { unpackSource, variantModelOf } from "./model-source.ts";
import { kindOf, parseS3Uri } from "./resource-names.ts";
import { sweepFolder } from "./sweep-folder.ts";
import { type InputObject, inputObjects } from "./transform-inputs.ts";
import { hasEnded, type StoredTransformJob } from "./transform-job.ts";
import { inOrder, Slots } from "./transform-order.ts";
import {
  looksAtRecords,
  maxMegabytesAtOnce,
  maxPayloadMegabytes,
  outputOf,
  type Payload,
  type Processing,
  payloadsOf,
  processingOf,
} from "./transform-records.ts";
import { RecordError } from "./transform-split.ts";

/*
 * Runs batch transforms on model workers of their own, one job after the other. An output object appears whole or not at all,
 * so a job that was running when the server ended goes on with the objects that have no output yet.
 */

export interface TransformRunnerOptions {
  resources: Resources;
  blobs: Blobs;
  logs: Logs;
  operations: Operations;
  clock: Clock;
  /** Unpacked models live here. */
  directory: string;
  programEnvironment: () => Readonly<Record<string, string>>;
  region: string;
  accountId: string;
  maxWorkers?: number;
  stopGraceMs: number;
  onChange: (job: StoredTransformJob) => void;
  report: (message: string, error: unknown) => void;
}

const kind = kindOf("transform-job");
const maxReasonLength = 1024;
/** Of an object that is packed; others are as large as S3 takes them. What unpacks to more is no input but an attack. */
const maxUnpackedBytes = 64 * 1024 ** 3;
const defaultTimeoutSeconds = 600;
const defaultRetries = 3;
/** Objects between two lines of the log. */
const progressEvery = 100;
/** Requests on their way to each worker where the job does not say. */
const requestsPerWorker = 2;

export class TransformRunner {
  readonly #options: TransformRunnerOptions;
  readonly #aborts = new Map<string, AbortController>();
  #turn: Promise<void> = Promise.resolve();
  #isClosing = false;

  constructor(options: TransformRunnerOptions) {
    this.#options = options;
  }

  /** After a start of the server: what had not ended goes on. */
  resume(): void {
    const jobs = this.#options.resources.list<StoredTransformJob>(kind).map(({ value }) => value);
    const open = jobs.filter((job) => !hasEnded(job)).sort((a, b) => a.createdMs - b.createdMs);
    const wanted = new Set(open.flatMap(({ source }) => (source.type === "server" ? [] : [dirname(source.folder)])));
    this.#turn = sweepFolder(this.#options.directory, wanted).catch((error: unknown) =>
      this.#options.report("models of ended transform jobs", error),
    );
    for (const job of open) {
      if (job.status === "Stopping") this.#change(job.name, { status: "Stopped", endedMs: this.#options.clock.now() });
      else this.#queue(job.name);
    }
  }

  submit(job: StoredTransformJob): void {
    this.#options.onChange(job);
    this.#queue(job.name);
  }

  /** Keeps the outputs so far. The job is known and has not ended. */
  stop(name: string): void {
    this.#change(name, { status: "Stopping" });
    this.#aborts.get(name)?.abort(new Error("the transform job was stopped"));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    for (const abort of this.#aborts.values()) abort.abort(new Error("the server is closing"));
    await this.#turn;
  }

  #queue(name: string): void {
    const abort = new AbortController();
    this.#aborts.set(name, abort);
    this.#turn = this.#turn
      .then(() => this.#run(name, abort.signal))
      .catch((error: unknown) => this.#options.report(`transform job ${name}`, error))
      .finally(() => this.#aborts.delete(name));
  }

  async #run(name: string, signal: AbortSignal): Promise<void> {
    const { resources, clock, directory, report } = this.#options;
    const job = resources.get<StoredTransformJob>(kind, name)?.value;
    if (job === undefined || this.#isClosing) return;
    let failureReason: string | undefined;
    try {
      signal.throwIfAborted();
      this.#change(name, { startedMs: job.startedMs ?? clock.now() });
      failureReason = await this.#transform(job, signal);
    } catch (error) {
      if (this.#isClosing) return; // the next start goes on
      const isTheirs = isClientsFault(error);
      if (!isTheirs && !signal.aborted) report(`transform job ${name}`, error);
      failureReason = `${isTheirs ? "ClientError" : "AlgorithmError"}: ${(error as Error).message}`;
    }
    if (this.#isClosing) return;
    const endedMs = clock.now();
    if (signal.aborted) this.#change(name, { status: "Stopped", endedMs });
    else if (failureReason === undefined) this.#change(name, { status: "Completed", endedMs });
    else this.#change(name, { status: "Failed", endedMs, failureReason: failureReason.slice(0, maxReasonLength) });
    if (job.source.type !== "server") {
      await rm(join(directory, dirname(job.source.folder)), { recursive: true, force: true });
    }
  }

  /** The reason of the failure, when there is one. */
  async #transform(job: StoredTransformJob, signal: AbortSignal): Promise<string | undefined> {
    const { blobs, directory, logs, operations, clock } = this.#options;
    const stream = `${job.name}/i-${job.createdMs.toString(16).padStart(17, "0")}`; // the same after a restart
    const log = (message: string) =>
      logs.append("/aws/sagemaker/TransformJobs", stream, [{ timestampMs: clock.now(), message }]);
    // Before anything is computed that could not be stored.
    const bucket = outputPath(job).split("/", 1)[0] as string;
    await operations.call("s3", "HeadBucket", { Bucket: bucket }).catch((error: unknown) => {
      throw new RecordError(`The output bucket "${bucket}" does not exist.`, { cause: error });
    });
    await unpackSource(job.source, directory, blobs);
    const { variant, concurrency } = this.#variantOf(job, log);
    await variant.start();
    log(`transforming ${job.request.TransformInput?.DataSource?.S3DataSource?.S3Uri}`);
    try {
      const context = { job, variant, processing: processingOf(job.request), log, signal, concurrency };
      const { objects, failures } = await this.#transformAll(context);
      log(`${objects - failures.length} of ${objects} objects are transformed`);
      if (objects === 0) {
        const uri = job.request.TransformInput?.DataSource?.S3DataSource?.S3Uri;
        return `ClientError: No S3 objects found under S3 URL "${uri}" given in input data source.`;
      }
      if (failures.length === 0) return undefined;
      return `${failures.length} of ${objects} objects failed, the first with ${failures[0]} See job logs for more information`;
    } finally {
      await variant.close();
    }
  }

  #variantOf(job: StoredTransformJob, onLine: (line: string) => void): { variant: Variant; concurrency: number } {
    const { clock, directory, programEnvironment, region, accountId, stopGraceMs } = this.#options;
    const { request } = job;
    const maxWorkers = this.#options.maxWorkers ?? availableParallelism();
    const workers = Math.max(1, Math.min(request.TransformResources?.InstanceCount ?? 1, maxWorkers));
    const fitting = Math.max(1, Math.floor(maxMegabytesAtOnce / maxPayloadMegabytes(request)));
    const concurrency = request.MaxConcurrentTransforms || Math.min(workers * requestsPerWorker, fitting);
    const environment = {
      ...programEnvironment(),
      SAGEMAKER_BATCH: "true",
      SAGEMAKER_MAX_PAYLOAD_IN_MB: String(request.MaxPayloadInMB ?? 6),
      SAGEMAKER_BATCH_STRATEGY: request.BatchStrategy === "SingleRecord" ? "SINGLE_RECORD" : "MULTI_RECORD",
      SAGEMAKER_MAX_CONCURRENT_TRANSFORMS: String(concurrency),
    };
    const source =
      job.source.type === "container"
        ? { ...job.source, environment: { ...job.source.environment, ...request.Environment } }
        : job.source;
    const model = variantModelOf(source, directory, environment);
    const variant = variantOf(
      { name: job.name, weight: 1, workers, model },
      {
        clock,
        maxWorkersPerVariant: maxWorkers,
        maxQueue: concurrency,
        inferenceTimeoutMs: timeoutMsOf(job),
        stopGraceMs,
        endpointName: job.name,
        region,
        accountId,
        onLine,
      },
    );
    return { variant, concurrency };
  }

  /** Objects one after the other, the requests of each side by side; several objects at once where each is one request. */
  async #transformAll(context: Context): Promise<{ objects: number; failures: string[] }> {
    const { job, log, signal, concurrency } = context;
    const failures: string[] = [];
    const done: InputObject[] = [];
    const slots = new Slots(concurrency);
    const running = new Set<Promise<void>>();
    let objects = 0;
    for await (const object of inputObjects(job.request.TransformInput, this.#options.blobs)) {
      signal.throwIfAborted();
      objects++;
      const work = this.#transformObject(object, context, slots)
        .then(
          () => {
            done.push(object);
            if (done.length % progressEvery === 0) log(`${done.length} objects are transformed so far`);
          },
          (error: Error) => {
            if (signal.aborted) return;
            failures.push(`${isClientsFault(error) ? "ClientError" : "AlgorithmError"}: ${error.message}`);
            log(`s3://${object.key}: ${error.message}`);
          },
        )
        .finally(() => running.delete(work));
      running.add(work);
      if (running.size >= concurrency) await Promise.race(running);
    }
    await Promise.all(running);
    signal.throwIfAborted();
    await this.#capture(job, done);
    return { objects, failures };
  }

  async #transformObject(object: InputObject, context: Context, slots: Slots): Promise<void> {
    const { job, processing, signal } = context;
    const { blobs, clock } = this.#options;
    const output = `${outputPath(job)}/${object.name}.out`;
    const written = await blobs.head(output);
    if (written !== undefined && written.lastModifiedMs >= job.createdMs) return; // before a restart
    const payloads = isSentAsItIs(job, processing)
      ? [{ body: Buffer.alloc(0), records: [], source: { open: () => this.#open(object, job) } }]
      : payloadsOf(await this.#open(object, job), processing);
    const identity = () => ({ id: clock.uuid(), time: `${new Date(clock.now()).toISOString().slice(0, 19)}Z` });
    const ask = async (payload: Payload) => ({ payload, body: await this.#ask(payload, context) });
    async function* outputs(): AsyncGenerator<Buffer, void> {
      for await (const answer of inOrder(payloads, ask, slots)) {
        signal.throwIfAborted();
        yield outputOf(answer, processing, identity);
      }
      signal.throwIfAborted();
    }
    await this.#put(output, Readable.from(outputs()), job.request.TransformOutput?.Accept);
  }

  async #open({ key }: InputObject, { request }: StoredTransformJob): Promise<Readable> {
    const blob = await this.#options.blobs.get(key);
    if (blob === undefined) throw new RecordError(`There is no object s3://${key}.`);
    return request.TransformInput?.CompressionType === "Gzip" ? Readable.from(unpacked(blob.body)) : blob.body;
  }

  async #ask({ body, source }: Payload, { job, variant, signal }: Context): Promise<Uint8Array> {
    const { TransformInput: input, TransformOutput: output, ModelClientConfig: client } = job.request;
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      try {
        const answer = await variant.infer({
          body,
          ...(source && { source }),
          contentType: input?.ContentType ?? "application/octet-stream",
          timeoutMs: timeoutMsOf(job),
          signal,
          ...(output?.Accept === undefined ? {} : { accept: output.Accept }),
        });
        return answer.body;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        const status = Number(error.members["OriginalStatusCode"] ?? error.status);
        const reason = String(error.members["OriginalMessage"] ?? error.message);
        if (status >= 400 && status < 500) throw new RecordError(`${status}: ${reason}`, { cause: error });
        if (attempt >= (client?.InvocationsMaxRetries ?? defaultRetries)) throw new Error(`${status}: ${reason}`);
      }
    }
  }

  /** Which objects went in and came out, as lists of names; the form of a manifest. */
  async #capture(job: StoredTransformJob, done: readonly InputObject[]): Promise<void> {
    const destination = job.request.DataCaptureConfig?.DestinationS3Uri;
    if (destination === undefined || done.length === 0) return;
    const { bucket, key } = parseS3Uri(destination);
    const hour = new Date(job.createdMs).toISOString().slice(0, 13).replace(/[-T]/g, "/");
    const base = `${bucket}/${key}`.replace(/\/+$/, "");
    const names = done.map(({ name }) => name).sort();
    const first = done[0] as InputObject;
    const inputs = first.key.slice(0, first.key.length - first.name.length);
    // AWS's names of these files were never recorded.
    await this.#put(
      `${base}/input/${hour}/${job.name}.json`,
      Buffer.from(JSON.stringify([{ prefix: `s3://${inputs}` }, ...names])),
      "application/json",
    );
    await this.#put(
      `${base}/output/${hour}/${job.name}.json`,
      Buffer.from(JSON.stringify([{ prefix: `s3://${outputPath(job)}/` }, ...names.map((name) => `${name}.out`)])),
      "application/json",
    );
  }

  async #put(place: string, body: Buffer | Readable, contentType: string | undefined): Promise<void> {
    const { bucket, key } = parseS3Uri(`s3://${place}`);
    const input = { Bucket: bucket, Key: key, Body: body, ...(contentType && { ContentType: contentType }) };
    await this.#options.operations.call("s3", "PutObject", input);
  }

  #change(name: string, changes: Partial<StoredTransformJob>): void {
    const { resources, clock, onChange } = this.#options;
    const modifiedMs = clock.now();
    const changed = resources.update<StoredTransformJob>(kind, name, (job) => ({ ...job, ...changes, modifiedMs }));
    if (changed !== undefined) onChange(changed.value);
  }
}

interface Context {
  job: StoredTransformJob;
  variant: Variant;
  processing: Processing;
  log: (message: string) => void;
  signal: AbortSignal;
  /** Requests at once. */
  concurrency: number;
}

/** Data, model or bucket: what the caller can put right. */
function isClientsFault(error: unknown): boolean {
  return error instanceof RecordError || error instanceof ArchiveError || error instanceof Fault;
}

function timeoutMsOf({ request }: StoredTransformJob): number {
  return (request.ModelClientConfig?.InvocationsTimeoutInSeconds ?? defaultTimeoutSeconds) * 1000;
}

function outputPath({ request }: StoredTransformJob): string {
  const { bucket, key } = parseS3Uri(request.TransformOutput?.S3OutputPath as string);
  return `${bucket}/${key}`.replace(/\/+$/, "");
}

/** Of any size, without being held: a payload without a limit, for a program of the user's. */
function isSentAsItIs({ request, source }: StoredTransformJob, processing: Processing): boolean {
  const isUnlimited = request.MaxPayloadInMB === 0 && processing.split === "None";
  return isUnlimited && source.type !== "package" && !looksAtRecords(processing);
}

async function* unpacked(packed: Readable): AsyncGenerator<Buffer, void> {
  const bytes = pipeline(packed, createGunzip(), () => undefined); // what fails is thrown to whoever reads
  let size = 0;
  try {
    for await (const piece of bytes as AsyncIterable<Buffer>) {
      size += piece.length;
      if (size > maxUnpackedBytes) throw new Error(`it unpacks to more than ${maxUnpackedBytes} bytes`);
      yield piece;
    }
  } catch (error) {
    throw new RecordError(`The object cannot be read as gzip: ${(error as Error).message}`, { cause: error });
  }
}
