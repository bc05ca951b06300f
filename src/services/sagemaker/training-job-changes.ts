import type {
  DeleteTrainingJobRequest,
  UpdateTrainingJobRequest,
  UpdateTrainingJobResponse,
} from "@aws-sdk/client-sagemaker";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Handler } from "../../wire/service.ts";
import { invalid, kindOf, notSupported } from "./resource-names.ts";
import { forgetTags } from "./tags.ts";
import { isEnded, type StoredTrainingJob } from "./training-job.ts";

const kind = kindOf("training-job");

/** What is done to a job beside running it. The texts of these faults are guesses: AWS's are not recorded anywhere. */
export function trainingJobChangeHandlers(resources: Resources, clock: Clock): Record<string, Handler> {
  function find(name: string): StoredTrainingJob {
    const found = resources.get<StoredTrainingJob>(kind, name)?.value;
    if (found === undefined) throw new Fault("ResourceNotFound", "Requested resource not found.");
    return found;
  }

  return {
    /** The job's record goes and its name is free; its model and its log stay where they are. */
    DeleteTrainingJob({ TrainingJobName: name }: DeleteTrainingJobRequest): object {
      const job = find(name as string);
      if (!isEnded(job)) {
        const message = `Training job "${job.arn}" is in status ${job.status}: only Stopped, Failed or Completed jobs can be deleted.`;
        throw new Fault("ResourceInUse", message);
      }
      resources.transaction(() => {
        resources.delete(kind, job.name);
        forgetTags(resources, job.arn);
      });
      return {};
    },
    /** Profiling is done by nobody here: what is asked of it is kept and shown, as with CreateTrainingJob. */
    UpdateTrainingJob(input: UpdateTrainingJobRequest): UpdateTrainingJobResponse {
      const job = find(input.TrainingJobName as string);
      if (input.ResourceConfig?.KeepAlivePeriodInSeconds) throw notSupported("KeepAlivePeriodInSeconds (warm pools)");
      if (isEnded(job)) throw invalid(`The training job is in status ${job.status} and cannot be updated.`);
      const { ProfilerConfig, ProfilerRuleConfigurations, RemoteDebugConfig } = input;
      const given = { ProfilerRuleConfigurations, RemoteDebugConfig };
      resources.update<StoredTrainingJob>(kind, job.name, (old) => ({
        ...old,
        modifiedMs: clock.now(),
        request: {
          ...old.request,
          ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
          ...(ProfilerConfig && { ProfilerConfig: { ...old.request.ProfilerConfig, ...ProfilerConfig } }),
        },
      }));
      return { TrainingJobArn: job.arn };
    },
  };
}
