import type { CreateProcessingJobRequest } from "@aws-sdk/client-sagemaker";
import { Fault } from "../../../kit/fault.ts";
import type { Blobs } from "../../../ports/blobs.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Resources } from "../../../ports/resources.ts";
import type { Call } from "../../../wire/service.ts";
import type { MonitoringOrigin, StoredProcessingJob } from "../processing/processing-job.ts";
import { arnOf, kindOf } from "../resource-names.ts";
import { analysisJobName, analysisRequest, mergedUri, mergeJobName, mergeRequest } from "./execution-jobs.ts";
import { groundTruthParts, monitoredParts, NothingToMonitor, partBelow } from "./monitored-data.ts";
import { executionKind, executionName, hasEnded, type StoredExecution } from "./monitoring-execution.ts";
import { definitionOf, type StoredSchedule } from "./monitoring-schedule.ts";

/*
 * Takes executions from their beginning to their end. What to do next follows from the processing jobs there are, whose names an
 * execution knows from its beginning: it can be asked at any time and again after a restart, and no job is begun twice.
 */

export interface ExecutionRunnerOptions {
  resources: Resources;
  blobs: Blobs;
  clock: Clock;
  createJob: (
    request: CreateProcessingJobRequest,
    origin: Pick<Call, "region" | "accountId"> & { monitoring: MonitoringOrigin },
  ) => void;
  /** Writes what an endpoint has captured so far. */
  writeCaptures: (endpointName: string) => Promise<void>;
  onEnd: (execution: StoredExecution) => void;
  report: (message: string, error: unknown) => void;
}

/** What the moment of an execution decides. */
export type Plan = Pick<StoredExecution, "scheduledMs" | "window" | "outputPath" | "isLate">;

/** Of each schedule: forty days of every hour. */
const keptExecutions = 1000;
const maxReasonLength = 1024;

export class ExecutionRunner {
  readonly #options: ExecutionRunnerOptions;
  #turn: Promise<void> = Promise.resolve();
  #isClosing = false;

  constructor(options: ExecutionRunnerOptions) {
    this.#options = options;
  }

  /** After a start of the server: what had not ended goes on. */
  resume(): void {
    const all = this.#options.resources.list<StoredExecution>(executionKind);
    for (const { value } of all) if (!hasEnded(value)) this.#advanceSoon(value.name);
  }

  begin(schedule: StoredSchedule, plan: Plan): void {
    const { resources, clock } = this.#options;
    const name = executionName(schedule.name, plan.scheduledMs);
    const nowMs = clock.now();
    const execution: StoredExecution = {
      ...plan,
      name,
      scheduleName: schedule.name,
      scheduleArn: schedule.arn,
      region: schedule.region,
      accountId: schedule.accountId,
      type: schedule.type,
      definition: definitionOf(schedule.config, schedule.type, resources),
      ...(schedule.endpointName === undefined ? {} : { endpointName: schedule.endpointName }),
      suffix: clock.uuid().replaceAll("-", "").slice(0, 24),
      status: "Pending",
      createdMs: nowMs,
      modifiedMs: nowMs,
    };
    if (!resources.create(executionKind, name, execution)) return;
    this.#forgetOldest(schedule.name);
    this.#advanceSoon(name);
  }

  /** After every change of a processing job. */
  onJob({ monitoring }: StoredProcessingJob): void {
    if (monitoring !== undefined) this.#advanceSoon(monitoring.executionName);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#turn;
  }

  #advanceSoon(name: string): void {
    this.#turn = this.#turn
      .then(() => this.#advance(name))
      .catch((error: unknown) => this.#options.report(`monitoring execution ${name}`, error));
  }

  async #advance(name: string): Promise<void> {
    const execution = this.#options.resources.get<StoredExecution>(executionKind, name)?.value;
    if (this.#isClosing || execution === undefined || hasEnded(execution)) return;
    const analysis = this.#job(analysisJobName(execution));
    if (analysis !== undefined) return this.#follow(execution, analysis);
    const merge = this.#job(mergeJobName(execution));
    if (merge !== undefined && merge.status !== "Completed") return this.#follow(execution, merge);
    try {
      this.#start(execution, await (merge === undefined ? this.#firstJob(execution) : this.#secondJob(execution)));
    } catch (error) {
      if (!(error instanceof NothingToMonitor) && !(error instanceof Fault)) throw error;
      if (execution.isLate) this.#options.resources.delete(executionKind, name);
      else this.#change(name, { status: "Failed", failureReason: error.message.slice(0, maxReasonLength) });
    }
  }

  async #firstJob(execution: StoredExecution): Promise<CreateProcessingJobRequest> {
    const { resources, blobs, writeCaptures } = this.#options;
    const { definition, endpointName, window, scheduledMs } = execution;
    if (endpointName !== undefined) await writeCaptures(endpointName);
    const captures = await monitoredParts(definition, window, { resources, blobs });
    if (definition.groundTruthUri === undefined) return analysisRequest(execution, { parts: captures, resources });
    const labelled = { startMs: window.startMs, endMs: scheduledMs };
    const labels = await groundTruthParts(definition.groundTruthUri, labelled, blobs);
    return mergeRequest(execution, { captures, labels });
  }

  async #secondJob(execution: StoredExecution): Promise<CreateProcessingJobRequest> {
    const { resources, blobs } = this.#options;
    const merged = await partBelow(mergedUri(execution), blobs);
    return analysisRequest(execution, { parts: [merged], resources });
  }

  #start(execution: StoredExecution, request: CreateProcessingJobRequest): void {
    const { name, region, accountId, scheduleArn } = execution;
    const jobArn = arnOf("processing-job", request.ProcessingJobName as string, execution);
    this.#change(name, { status: "InProgress", jobArn });
    this.#options.createJob(request, { region, accountId, monitoring: { scheduleArn, executionName: name } });
  }

  #follow({ name }: StoredExecution, { arn, status, exitMessage, failureReason }: StoredProcessingJob): void {
    const hasViolations = status === "Completed" && exitMessage?.startsWith("CompletedWithViolations") === true;
    this.#change(name, {
      status: hasViolations ? "CompletedWithViolations" : status,
      jobArn: arn,
      ...(failureReason === undefined ? {} : { failureReason }),
    });
  }

  /** Synchronous: nothing else changes an execution meanwhile. */
  #change(name: string, changes: Pick<StoredExecution, "status"> & Partial<StoredExecution>): void {
    const { resources, clock, onEnd } = this.#options;
    const execution = resources.get<StoredExecution>(executionKind, name)?.value;
    if (execution === undefined) return;
    if (execution.status === changes.status && execution.jobArn === changes.jobArn) return;
    const changed = { ...execution, ...changes, modifiedMs: clock.now() };
    resources.put(executionKind, name, changed);
    if (hasEnded(changed)) onEnd(changed);
  }

  #forgetOldest(scheduleName: string): void {
    const { resources } = this.#options;
    const all = resources.list<StoredExecution>(executionKind, { prefix: `${scheduleName}/` });
    for (const { value } of all.slice(0, -keptExecutions)) {
      if (hasEnded(value)) resources.delete(executionKind, value.name);
    }
  }

  #job(name: string): StoredProcessingJob | undefined {
    return this.#options.resources.get<StoredProcessingJob>(kindOf("processing-job"), name)?.value;
  }
}
