import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Blobs } from "../../../ports/blobs.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Logs } from "../../../ports/logs.ts";
import type { Operations } from "../../../ports/operations.ts";
import type { Resources } from "../../../ports/resources.ts";
import { type ProcessGroup, startProcessGroup } from "../../../serve/process-group.ts";
import { ClientError } from "../download-objects.ts";
import { failureOfJob, failureOfProgram, isClientsFault } from "../failure-reason.ts";
import { keepStored, storeChanges } from "../folder-sync.ts";
import { type MlPlace, type MlPlaces, mlRoot } from "../ml-place.ts";
import { kindOf } from "../resource-names.ts";
import { sweepFolder } from "../sweep-folder.ts";
import { downloadInputs, exitMessageOf, layOutFolder, outputsOf, placeOf } from "./processing-folder.ts";
import { hasEnded, maxRuntimeSecondsOf, type StoredProcessingJob } from "./processing-job.ts";
import { type ProcessingPrograms, programOf } from "./processing-program.ts";

/*
 * Runs processing jobs, one child process each, a few at a time. A job that was running when the server ended begins again: its
 * process ended with the server, and its folder is made anew. Output objects appear whole or not at all, and those that are
 * stored at the end only after the program has ended well.
 */

export interface ProcessingRunnerOptions {
  resources: Resources;
  blobs: Blobs;
  logs: Logs;
  operations: Operations;
  clock: Clock;
  /** A folder per running job. */
  directory: string;
  programs: ProcessingPrograms;
  places: MlPlaces;
  /** What every program finds in its environment: a PATH, and how to reach this server. */
  environment: () => Readonly<Record<string, string>>;
  /** From SIGTERM to SIGKILL. */
  stopGraceMs: number;
  /** Told after every change of a job's status. */
  onChange: (job: StoredProcessingJob) => void;
  /** Told where the folder of a job lies whose program has ended well, before the job has. */
  onProgramEnd: (job: StoredProcessingJob, ml: string) => Promise<void>;
  report: (message: string, error: unknown) => void;
}

interface Running {
  abort: AbortController;
  program?: ProcessGroup;
  endsBecause?: "stopped" | "maxRuntime";
}

type Outcome = Pick<StoredProcessingJob, "status" | "exitMessage" | "failureReason">;

const kind = kindOf("processing-job");
/** So that a long job does not hold up the monitoring of the hour; more would only take cores from each other. */
const maxConcurrentJobs = 4;
/** A job that was running at that many ends of the server may be what ends it. */
const maxRestarts = 3;
/** Below the priority of what serves. */
const niceness = 5;

export class ProcessingRunner {
  readonly #options: ProcessingRunnerOptions;
  readonly #waiting: string[] = [];
  readonly #running = new Map<string, Running>();
  readonly #work = new Set<Promise<void>>();
  #isClosing = false;

  constructor(options: ProcessingRunnerOptions) {
    this.#options = options;
  }

  /** After a start of the server: what had not ended begins again. */
  resume(): void {
    const { resources, directory, clock, report } = this.#options;
    const jobs = resources.list<StoredProcessingJob>(kind).map(({ value }) => value);
    const open = jobs.filter((job) => !hasEnded(job)).sort((a, b) => a.createdMs - b.createdMs);
    const wanted = new Set(open.map(({ name }) => name));
    this.#keep(sweepFolder(directory, wanted), "folders of ended processing jobs", report);
    for (const { name, status, startedMs, restarts } of open) {
      if (status === "Stopping") this.#change(name, { status: "Stopped", endedMs: clock.now() });
      else if (startedMs !== undefined && restarts >= maxRestarts) {
        const failureReason = `InternalServerError: the server ended ${maxRestarts + 1} times while this job was running; it is not tried again`;
        this.#change(name, { status: "Failed", failureReason, endedMs: clock.now() });
      } else {
        if (startedMs !== undefined) this.#change(name, { restarts: restarts + 1 });
        this.#waiting.push(name);
      }
    }
    this.#startNext();
  }

  submit(job: StoredProcessingJob): void {
    this.#options.onChange(job);
    this.#waiting.push(job.name);
    this.#startNext();
  }

  /** The job is known and has not ended. */
  stop(name: string): void {
    const running = this.#running.get(name);
    if (running !== undefined) {
      this.#end(name, running, "stopped");
      return;
    }
    const place = this.#waiting.indexOf(name);
    if (place >= 0) this.#waiting.splice(place, 1);
    this.#change(name, { status: "Stopped", endedMs: this.#options.clock.now() });
  }

  /** Ends the processes; their jobs begin again at the next start. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const running of this.#running.values()) {
      running.abort.abort(new Error("the server is closing"));
      running.program?.kill();
    }
    await Promise.all(this.#work);
  }

  #keep(promise: Promise<void>, what: string, report: ProcessingRunnerOptions["report"]): void {
    const done = promise.catch((error: unknown) => report(what, error)).finally(() => this.#work.delete(done));
    this.#work.add(done);
  }

  #startNext(): void {
    while (!this.#isClosing && this.#running.size < maxConcurrentJobs) {
      const name = this.#waiting.shift();
      if (name === undefined) return;
      const running: Running = { abort: new AbortController() };
      this.#running.set(name, running);
      const run = this.#run(name, running).finally(() => {
        this.#running.delete(name);
        this.#startNext();
      });
      this.#keep(run, `processing job ${name}`, this.#options.report);
    }
  }

  async #run(name: string, running: Running): Promise<void> {
    const { resources, clock, directory, report } = this.#options;
    const folder = join(directory, name);
    const job = resources.get<StoredProcessingJob>(kind, name)?.value;
    if (job === undefined) return;
    let outcome: Outcome;
    try {
      outcome = await this.#process(job, folder, running);
    } catch (error) {
      if (this.#isClosing) return; // the document stays as it is: the next start begins the job again
      outcome = outcomeOf(running, job) ?? { status: "Failed", failureReason: failureOfJob(error) };
      if (running.endsBecause === undefined && !isClientsFault(error)) report(`processing job ${name}`, error);
    }
    this.#change(name, { ...outcome, endedMs: clock.now() });
    await rm(folder, { recursive: true, force: true });
  }

  async #process(job: StoredProcessingJob, folder: string, running: Running): Promise<Outcome> {
    const { blobs, clock, places, onProgramEnd, report } = this.#options;
    const { name, request } = job;
    const { signal } = running.abort;
    const ml = join(folder, "ml");
    await rm(folder, { recursive: true, force: true });
    await layOutFolder(ml, job);
    await this.#checkBuckets(job);
    await downloadInputs(ml, { request, blobs, signal });
    const place = await places(ml);
    signal.throwIfAborted(); // after Stopping nothing but Stopped may follow
    this.#change(name, { startedMs: job.startedMs ?? clock.now() });
    const outputs = outputsOf(request).map(({ prefix, localPath, isContinuous }) => {
      const source = { folder: placeOf(ml, localPath), prefix, blobs };
      const onFailure = (error: unknown) => report(`outputs of processing job ${name}`, error);
      return isContinuous
        ? { atAnyEnd: keepStored(source, { clock, onFailure }).finish, atGoodEnd: async () => undefined }
        : { atAnyEnd: async () => undefined, atGoodEnd: storeChanges(source) };
    });
    let exitCode: number;
    try {
      exitCode = await this.#runProgram(job, { ml, place, running });
    } finally {
      for (const { atAnyEnd } of outputs) await atAnyEnd();
    }
    if (this.#isClosing) throw new Error("the server is closing");
    const exitMessage = await exitMessageOf(ml);
    const said = exitMessage === undefined ? {} : { exitMessage };
    const ended = outcomeOf(running, job);
    if (ended !== undefined) return { ...ended, ...said };
    if (exitCode !== 0) return { status: "Failed", failureReason: await failureOfProgram(ml, exitCode), ...said };
    for (const { atGoodEnd } of outputs) await atGoodEnd();
    await onProgramEnd(job, ml);
    return { status: "Completed", ...said };
  }

  /** Before anything is computed that could not be stored. */
  async #checkBuckets({ request }: StoredProcessingJob): Promise<void> {
    for (const bucket of new Set(outputsOf(request).map(({ prefix }) => prefix.split("/", 1)[0] as string))) {
      await this.#options.operations.call("s3", "HeadBucket", { Bucket: bucket }).catch(() => {
        throw new ClientError(`The output bucket "${bucket}" does not exist.`);
      });
    }
  }

  async #runProgram(
    job: StoredProcessingJob,
    { ml, place, running }: { ml: string; place: MlPlace; running: Running },
  ): Promise<number> {
    const { clock, logs, programs, environment, stopGraceMs } = this.#options;
    const { name, request } = job;
    const stream = `${name}/algo-1-${Math.floor(job.createdMs / 1000)}`; // the same after a restart
    const log = (message: string) =>
      logs.append("/aws/sagemaker/ProcessingJobs", stream, [{ timestampMs: clock.now(), message }]);
    const { command, args, notice } = programOf(request.AppSpecification, programs);
    if (notice !== undefined) log(notice);
    const given = { command: place.inPlace(command), args: args.map(place.inPlace) };
    const variables = Object.entries(request.Environment ?? {});
    const program = startProcessGroup({
      ...place.wrap(given),
      folder: ml,
      environment: {
        ...environment(),
        PYTHONUNBUFFERED: "1", // what it prints is wanted in the log when it happens
        AWS_REGION: job.region,
        ...Object.fromEntries(variables.map(([variable, value]) => [variable, place.inPlace(value)])),
        SCONES_ML_PREFIX: place.inPlace(mlRoot),
      },
      niceness,
      clock,
      stopGraceMs,
      onLine: log,
    });
    const cancelLimit = clock.schedule(maxRuntimeSecondsOf(request) * 1000, () =>
      this.#end(name, running, "maxRuntime"),
    );
    running.program = program;
    try {
      return await program.ended;
    } finally {
      cancelLimit();
      running.program = undefined;
    }
  }

  #end(name: string, running: Running, because: "stopped" | "maxRuntime"): void {
    if (running.endsBecause !== undefined) return;
    running.endsBecause = because;
    if (because === "stopped") this.#change(name, { status: "Stopping" });
    if (running.program === undefined) running.abort.abort(new Error("the processing job was stopped"));
    else running.program.stop();
  }

  #change(name: string, changes: Partial<StoredProcessingJob>): void {
    const { resources, clock, onChange } = this.#options;
    const modifiedMs = clock.now();
    const changed = resources.update<StoredProcessingJob>(kind, name, (job) => ({ ...job, ...changes, modifiedMs }));
    if (changed !== undefined) onChange(changed.value);
  }
}

/** How a job ends that was told to; `undefined` when it was not. */
function outcomeOf({ endsBecause }: Running, { request }: StoredProcessingJob): Outcome | undefined {
  switch (endsBecause) {
    case "stopped":
      return { status: "Stopped" };
    case "maxRuntime":
      return {
        status: "Stopped",
        failureReason: `ClientError: the job ran longer than its MaxRuntimeInSeconds of ${maxRuntimeSecondsOf(request)} and was stopped`,
      };
    case undefined:
      return undefined;
  }
}
