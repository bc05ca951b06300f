import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Logs } from "../../ports/logs.ts";
import type { Resources } from "../../ports/resources.ts";
import { packFolder } from "../../serve/pack-folder.ts";
import type { ProcessGroup } from "../../serve/process-group.ts";
import { failureOfJob, failureOfProgram, isClientsFault } from "./failure-reason.ts";
import { metricScraper } from "./metric-scraper.ts";
import { hostPlace, type MlPlace, type MlPlaces } from "./ml-place.ts";
import { kindOf, parseS3Uri } from "./resource-names.ts";
import { sweepFolder } from "./sweep-folder.ts";
import { type Algorithms, algorithmOf, isOwnProgram } from "./training-algorithm.ts";
import { hasRoom, type TrainingCapacity } from "./training-capacity.ts";
import { fetchCheckpoints, keepCheckpoints } from "./training-checkpoints.ts";
import { trainingEnvironment } from "./training-environment.ts";
import { downloadChannels, hasFiles, layOutFolder } from "./training-folder.ts";
import { isEnded, type StageChange, type StoredMetric, type StoredTrainingJob, withStage } from "./training-job.ts";
import { startTraining } from "./training-process.ts";
import { countRuntime } from "./training-runtime.ts";
import { warningReader } from "./training-warnings.ts";
import { untilStored } from "./until-stored.ts";

/*
 * Runs training jobs, one child process each, as many at a time as there are cores for (`training-capacity.ts`). Every stage is in the
 * job's document before it begins. A job that was running when the server ended begins again, with its checkpoints, because its
 * process ended with the server.
 */

export interface TrainingRunnerOptions {
  resources: Resources;
  blobs: Blobs;
  logs: Logs;
  clock: Clock;
  /** A folder per running job; below it, `ml` is what /opt/ml is in a container. */
  directory: string;
  algorithms: Algorithms;
  places: MlPlaces;
  /** What every training program finds in its environment: a PATH, and how to reach this server. */
  environment: () => Readonly<Record<string, string>>;
  capacity: TrainingCapacity;
  /** From SIGTERM to SIGKILL: time to store the model so far. */
  stopGraceMs: number;
  /** Told after every change of a job's status. */
  onChange: (job: StoredTrainingJob) => void;
  /** Told of every value that a running job reports. */
  onMetric: (job: StoredTrainingJob, metric: StoredMetric) => void;
  report: (message: string, error: unknown) => void;
}

/** Why a job ends that its program has not ended. */
type Ending = "stopped" | "maxRuntime" | "maxWait";

interface Running {
  abort: AbortController;
  cores: number;
  /** Present once the job has begun. */
  metrics?: () => StoredMetric[];
  program?: ProcessGroup;
  endsBecause?: Ending;
}

/** What a program is started with. */
interface Attempt {
  job: StoredTrainingJob;
  ml: string;
  place: MlPlace;
  running: Running;
  readMetrics: (line: string, atMs: number) => void;
}

const kind = kindOf("training-job");
/** A job that was running at that many ends of the server may be what ends it. */
const maxRestarts = 3;
/** 128 and SIGKILL: by the system when memory ran out, or by somebody. */
const killedExitCode = 137;

/** What a RetryStrategy is for. */
const ourFault = "InternalServerError";
const maxMessageLength = 1024;

const stoppedBecause: Record<Ending, StageChange> = {
  stopped: { secondary: "Stopped", message: "Training job stopped", status: "Stopped" },
  maxRuntime: {
    secondary: "MaxRuntimeExceeded",
    message: "Training job exceeded MaxRuntimeInSeconds",
    status: "Stopped",
  },
  maxWait: {
    secondary: "MaxWaitTimeExceeded",
    message: "Training job exceeded MaxWaitTimeInSeconds",
    status: "Stopped",
  },
};

export class TrainingRunner {
  readonly #options: TrainingRunnerOptions;
  readonly #waiting: string[] = [];
  readonly #running = new Map<string, Running>();
  readonly #work = new Set<Promise<void>>();
  /** Of jobs with a MaxWaitTimeInSeconds. */
  readonly #deadlines = new Map<string, () => void>();
  #isClosing = false;

  constructor(options: TrainingRunnerOptions) {
    this.#options = options;
  }

  /** After a start of the server: what had not ended begins again. */
  resume(): void {
    const jobs = this.#options.resources.list<StoredTrainingJob>(kind).map(({ value }) => value);
    const open = jobs.filter((job) => !isEnded(job)).sort((a, b) => a.createdMs - b.createdMs);
    const swept = sweepFolder(this.#options.directory, new Set(open.map(({ name }) => name)))
      .catch((error: unknown) => this.#options.report("folders of ended training jobs", error))
      .finally(() => this.#work.delete(swept));
    this.#work.add(swept);
    for (const job of open) {
      if (job.status === "Stopping") {
        this.#change(job.name, { secondary: "Stopped", message: "Training job stopped", status: "Stopped" });
      } else if (job.startedMs !== undefined && job.restarts >= maxRestarts) {
        const failureReason = `InternalServerError: the server ended ${maxRestarts + 1} times while this job was running; it is not tried again`;
        this.#change(job.name, {
          secondary: "Failed",
          message: "Training job failed",
          status: "Failed",
          failureReason,
        });
      } else {
        if (job.startedMs !== undefined) this.#noteRestart(job.name);
        this.#queue(job);
      }
    }
    this.#startNext();
  }

  submit(job: StoredTrainingJob): void {
    this.#options.onChange(job);
    this.#queue(job);
    this.#startNext();
    if (this.#waiting.includes(job.name)) {
      this.#change(job.name, { secondary: "Pending", message: "Training job waiting for capacity" });
    }
  }

  /** Keeps the model so far. The job is known and has not ended. */
  stop(name: string): void {
    this.#stopBecause(name, "stopped");
  }

  #stopBecause(name: string, because: Ending): void {
    const running = this.#running.get(name);
    if (running !== undefined) this.#end(name, running, because);
    const place = this.#waiting.indexOf(name);
    if (place < 0) return;
    this.#waiting.splice(place, 1);
    this.#forgetDeadline(name);
    this.#change(name, stoppedBecause[because]);
    this.#startNext(); // it may have been all that those behind it waited for
  }

  /** The metrics of a running job so far. */
  metricsOf(name: string): StoredMetric[] | undefined {
    return this.#running.get(name)?.metrics?.();
  }

  /** Ends the processes; their jobs begin again at the next start. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const cancel of this.#deadlines.values()) cancel();
    for (const running of this.#running.values()) {
      running.abort.abort(new Error("the server is closing"));
      running.program?.kill();
    }
    await Promise.all(this.#work);
  }

  #queue({ name, createdMs, request }: StoredTrainingJob): void {
    this.#waiting.push(name);
    const { MaxWaitTimeInSeconds } = request.StoppingCondition ?? {};
    if (MaxWaitTimeInSeconds === undefined) return;
    const { clock } = this.#options;
    const leftMs = Math.max(0, createdMs + MaxWaitTimeInSeconds * 1000 - clock.now());
    this.#deadlines.set(
      name,
      clock.schedule(leftMs, () => this.#stopBecause(name, "maxWait")),
    );
  }

  #forgetDeadline(name: string): void {
    this.#deadlines.get(name)?.();
    this.#deadlines.delete(name);
  }

  #startNext(): void {
    const { resources, capacity, report } = this.#options;
    for (let name = this.#waiting[0]; name !== undefined && !this.#isClosing; name = this.#waiting[0]) {
      const job = resources.get<StoredTrainingJob>(kind, name)?.value;
      const cores = job?.cores ?? capacity.cores; // of one that an earlier version has stored nothing is known
      const others = [...this.#running.values()].map((running) => running.cores);
      if (!hasRoom(capacity, others, cores)) return;
      this.#waiting.shift();
      if (job === undefined) continue;
      const running: Running = { abort: new AbortController(), cores };
      this.#running.set(name, running);
      const done = this.#run({ ...job, cores }, running)
        .catch((error: unknown) => report(`training job ${name}`, error))
        .finally(() => {
          this.#running.delete(name);
          this.#work.delete(done);
          this.#startNext();
        });
      this.#work.add(done);
    }
  }

  async #run(job: StoredTrainingJob, running: Running): Promise<void> {
    const { name } = job;
    const folder = join(this.#options.directory, name);
    const ml = join(folder, "ml");
    const most = job.request.RetryStrategy?.MaximumRetryAttempts ?? 0;
    let outcome = await this.#attempt(job, ml, running);
    for (let retries = job.retries ?? 0; outcome?.failureReason?.startsWith(ourFault) && retries < most; ) {
      const message = `The training job failed (${outcome.failureReason}): it is tried again`.slice(
        0,
        maxMessageLength,
      );
      this.#options.resources.update<StoredTrainingJob>(kind, name, (old) => ({ ...old, retries: ++retries }));
      this.#change(name, { secondary: "Restarting", message });
      outcome = await this.#attempt(job, ml, running);
    }
    if (outcome === undefined) return; // the document stays as it is: the next start begins the job again
    const removeFolder = () => rm(folder, { recursive: true, force: true });
    // What a failed job leaves may be what fills the disk; that of any other stays until it is known how the job ended.
    if (outcome.status === "Failed") await removeFolder();
    this.#forgetDeadline(name);
    const metrics = running.metrics?.() ?? [];
    const { resources, clock, report } = this.#options;
    const store = () => {
      resources.update<StoredTrainingJob>(kind, name, (stored) => ({ ...stored, metrics }));
      this.#change(name, outcome);
    };
    await untilStored(store, { clock, isOver: () => this.#isClosing, report });
    await removeFolder();
  }

  /** How the job ended; `undefined` when only the server has. */
  async #attempt(job: StoredTrainingJob, ml: string, running: Running): Promise<StageChange | undefined> {
    try {
      return await this.#train(job, ml, running);
    } catch (error) {
      if (this.#isClosing) return undefined;
      if (running.endsBecause === undefined && !isClientsFault(error))
        this.#options.report(`training job ${job.name}`, error);
      return this.#outcomeOf(running, failureOfJob(error));
    }
  }

  async #train(job: StoredTrainingJob, ml: string, running: Running): Promise<StageChange> {
    const { blobs, algorithms } = this.#options;
    const { request, name } = job;
    this.#change(name, { secondary: "Starting", message: "Preparing the instances for training" });
    const algorithm = algorithmOf(request, algorithms);
    const scraper = metricScraper(algorithm.metricDefinitions, (metric) => this.#options.onMetric(job, metric));
    running.metrics = scraper.last;
    await layOutFolder(ml, request);
    running.abort.signal.throwIfAborted(); // after Stopping nothing but Stopped may follow
    this.#change(name, { secondary: "Downloading", message: "Downloading input data" });
    await downloadChannels(ml, request, blobs, running.abort.signal);
    const place = isOwnProgram(request) ? await this.#options.places(ml) : hostPlace(ml);
    running.abort.signal.throwIfAborted();
    this.#change(name, {
      secondary: "Training",
      message: "Training image download completed. Training in progress.",
    });
    const exitCode = await this.#runWithCheckpoints({ job, ml, place, running, readMetrics: scraper.read });
    if (this.#isClosing) throw new Error("the server is closing");
    if (exitCode !== 0 && running.endsBecause === undefined) {
      const failureReason = await failureOfProgram(ml, exitCode);
      return { secondary: "Failed", message: "Training job failed", status: "Failed", failureReason };
    }
    await this.#upload(job, ml);
    return this.#outcomeOf(running, undefined);
  }

  /** A program that is killed while it leaves checkpoints goes on from them; one without would only begin anew. */
  async #runWithCheckpoints(attempt: Attempt): Promise<number> {
    const { job, ml, running } = attempt;
    const { blobs, resources, clock, report } = this.#options;
    const checkpoints = { folder: ml, config: job.request.CheckpointConfig, blobs };
    await fetchCheckpoints(checkpoints, running.abort.signal);
    const sync = keepCheckpoints(checkpoints, {
      clock,
      onFailure: (error) => report(`checkpoints of training job ${job.name}`, error),
    });
    const stopCounting = countRuntime(job, {
      clock,
      resources,
      onLimit: () => this.#end(job.name, running, "maxRuntime"),
    });
    try {
      for (let kills = 0; ; kills++) {
        const exitCode = await this.#runProgram(attempt);
        const mayGoOn = exitCode === killedExitCode && running.endsBecause === undefined && !this.#isClosing;
        if (!mayGoOn || kills === maxRestarts || !(await hasFiles(join(ml, "checkpoints")))) return exitCode;
        this.#change(job.name, {
          secondary: "Restarting",
          message: "The training program was killed: it goes on from its last checkpoint",
        });
        this.#change(job.name, { secondary: "Training", message: "Training in progress." });
      }
    } finally {
      stopCounting();
      await sync.finish();
    }
  }

  async #runProgram({ job, ml, place, running, readMetrics }: Attempt): Promise<number> {
    const { clock, logs, algorithms, environment, stopGraceMs } = this.#options;
    const stream = `${job.name}/algo-1-${Math.floor(job.createdMs / 1000)}`; // the same after a restart
    const algorithm = algorithmOf(job.request, algorithms);
    const { command, args } = algorithm;
    const readWarnings = warningReader(job.name, algorithm, this.#options);
    const onLine = (message: string) => {
      const timestampMs = clock.now();
      logs.append("/aws/sagemaker/TrainingJobs", stream, [{ timestampMs, message }]);
      readMetrics(message, timestampMs);
      readWarnings(message);
    };
    const program = startTraining({
      ...place.wrap({ command, args: isOwnProgram(job.request) ? args.map(place.inPlace) : args }),
      folder: ml,
      environment: trainingEnvironment(job, place, environment()),
      clock,
      stopGraceMs,
      onLine,
    });
    running.program = program;
    try {
      if (running.endsBecause !== undefined) program.stop(); // asked for while the data came
      return await program.ended;
    } finally {
      running.program = undefined;
    }
  }

  async #upload(job: StoredTrainingJob, ml: string): Promise<void> {
    const { blobs, resources, clock } = this.#options;
    const isStopped = this.#running.get(job.name)?.endsBecause !== undefined;
    if (isStopped && !(await hasFiles(join(ml, "model")))) return; // it was stopped before it had a model
    this.#change(job.name, { secondary: "Uploading", message: "Uploading generated training model" });
    const { bucket, key } = parseS3Uri(job.request.OutputDataConfig?.S3OutputPath as string);
    const target = [bucket, ...key.split("/").filter((part) => part !== ""), job.name, "output"].join("/");
    const headers = { "content-type": "application/gzip" };
    await blobs.put(`${target}/model.tar.gz`, packFolder(join(ml, "model")), { headers });
    if (await hasFiles(join(ml, "output", "data"))) {
      await blobs.put(`${target}/output.tar.gz`, packFolder(join(ml, "output", "data")), { headers });
    }
    resources.update<StoredTrainingJob>(kind, job.name, (stored) => ({
      ...stored,
      artifact: `s3://${target}/model.tar.gz`,
      modifiedMs: clock.now(),
    }));
  }

  #end(name: string, running: Running, because: Ending): void {
    if (running.endsBecause !== undefined) return;
    running.endsBecause = because;
    if (because === "stopped") {
      this.#change(name, { secondary: "Stopping", message: "Stopping the training job", status: "Stopping" });
    }
    if (running.program === undefined) running.abort.abort(new Error("the training job was stopped"));
    else running.program.stop();
  }

  /** How a job ends that its program has not failed. */
  #outcomeOf({ endsBecause }: Running, failureReason: string | undefined): StageChange {
    if (endsBecause !== undefined) return stoppedBecause[endsBecause];
    if (failureReason === undefined) {
      return { secondary: "Completed", message: "Training job completed", status: "Completed" };
    }
    return { secondary: "Failed", message: "Training job failed", status: "Failed", failureReason };
  }

  #noteRestart(name: string): void {
    const { resources } = this.#options;
    resources.update<StoredTrainingJob>(kind, name, (job) => ({ ...job, restarts: job.restarts + 1 }));
    this.#change(name, { secondary: "Restarting", message: "The server was restarted: the training job begins again" });
  }

  #change(name: string, change: StageChange): void {
    const nowMs = this.#options.clock.now();
    const changed = this.#options.resources.update<StoredTrainingJob>(kind, name, (job) =>
      withStage(job, change, nowMs),
    );
    if (changed !== undefined) this.#options.onChange(changed.value);
  }
}
