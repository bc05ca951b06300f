import type { Blobs } from "../../../ports/blobs.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Operations } from "../../../ports/operations.ts";
import type { Resources } from "../../../ports/resources.ts";
import type { Handler } from "../../../wire/service.ts";
import type { StoredProcessingJob } from "../processing/processing-job.ts";
import type { ProcessingPrograms } from "../processing/processing-program.ts";
import { alertHandlers, evaluateAlert } from "./alerts.ts";
import { ExecutionRunner, type ExecutionRunnerOptions } from "./execution-runner.ts";
import { jobDefinitionHandlers } from "./job-definitions.ts";
import { publishMetrics } from "./metrics-publication.ts";
import { executionKind, type StoredExecution } from "./monitoring-execution.ts";
import { monitoringScheduleHandlers, scheduleUsing } from "./monitoring-schedules.ts";
import { Scheduler } from "./scheduler.ts";

export interface MonitoringOptions {
  resources: Resources;
  blobs: Blobs;
  operations: Operations;
  clock: Clock;
  programs: ProcessingPrograms;
  createJob: ExecutionRunnerOptions["createJob"];
  writeCaptures: ExecutionRunnerOptions["writeCaptures"];
  report: (message: string, error: unknown) => void;
}

/** Model Monitor: definitions, schedules, executions and alerts. */
export interface Monitoring {
  handlers: Record<string, Handler>;
  /** After every change of a processing job. */
  onJob(job: StoredProcessingJob): void;
  /** When a job's program has ended well, with the folder that is its /opt/ml. */
  onProgramEnd(job: StoredProcessingJob, ml: string): Promise<void>;
  resume(): void;
  close(): Promise<void>;
}

export function monitoring(options: MonitoringOptions): Monitoring {
  const { resources, operations, clock, programs, report } = options;
  const executions = new ExecutionRunner({
    ...options,
    onEnd: ({ scheduleName }) => evaluateAlert(resources, scheduleName, clock.now()),
  });
  const scheduler = new Scheduler({ resources, clock, executions, report });
  return {
    handlers: {
      ...jobDefinitionHandlers({
        resources,
        clock,
        programs,
        userOf: (type, name) => scheduleUsing(resources, type, name),
      }),
      ...monitoringScheduleHandlers({ resources, clock, programs, scheduler }),
      ...alertHandlers({ resources, clock }),
    },
    onJob: (job) => executions.onJob(job),
    onProgramEnd: async ({ monitoring: origin }, ml) => {
      const execution = origin && resources.get<StoredExecution>(executionKind, origin.executionName)?.value;
      if (execution !== undefined) await publishMetrics(execution, { ml, operations });
    },
    resume: () => {
      executions.resume();
      scheduler.resume();
    },
    close: async () => {
      scheduler.close();
      await executions.close();
    },
  };
}
