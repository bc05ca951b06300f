import type { Resources } from "../../ports/resources.ts";
import { kindOf } from "./resource-names.ts";
import type { TrainingAlgorithm } from "./training-algorithm.ts";
import type { StoredTrainingJob } from "./training-job.ts";

const kind = kindOf("training-job");
const maxMessageLength = 1024;

/**
 * Reads a job's log lines, and adds what its algorithm warns of to the message of the stage at hand, where DescribeTrainingJob shows it: few
 * people read logs, and those of a job that went well fewest.
 */
export function warningReader(
  jobName: string,
  algorithm: TrainingAlgorithm,
  { resources, report }: { resources: Resources; report: (message: string, error: unknown) => void },
): (line: string) => void {
  return (line) => {
    const warning = algorithm.warning?.exec(line)?.[1];
    if (warning === undefined) return;
    try {
      resources.update<StoredTrainingJob>(kind, jobName, (job) => withWarning(job, warning));
    } catch (error) {
      report(`a warning of training job ${jobName}`, error); // it is in the log, too
    }
  };
}

function withWarning(job: StoredTrainingJob, warning: string): StoredTrainingJob {
  const last = job.transitions.at(-1);
  if (last === undefined) return job;
  const message = `${last.message} ${warning}`.slice(0, maxMessageLength);
  return { ...job, transitions: [...job.transitions.slice(0, -1), { ...last, message }] };
}
