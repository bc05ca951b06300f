import { DescribeTrainingJobCommand, ListTrainingJobsCommand } from "@aws-sdk/client-sagemaker";
import type { Clients } from "../clients.ts";

/** The archive of the training job that completed last. */
export async function latestModel(clients: Clients): Promise<string> {
  const jobs = await clients.sagemaker.send(
    new ListTrainingJobsCommand({
      StatusEquals: "Completed",
      SortBy: "CreationTime",
      SortOrder: "Descending",
      MaxResults: 1,
    }),
  );
  const jobName = jobs.TrainingJobSummaries?.[0]?.TrainingJobName;
  if (jobName === undefined) throw new Error("no training job has completed yet; train one with: scones train");
  return modelOfJob(clients, jobName);
}

export async function modelOfJob(clients: Clients, jobName: string): Promise<string> {
  const job = await clients.sagemaker.send(new DescribeTrainingJobCommand({ TrainingJobName: jobName }));
  const uri = job.ModelArtifacts?.S3ModelArtifacts;
  if (uri === undefined) throw new Error(`training job ${jobName} has left no model (${job.TrainingJobStatus})`);
  return uri;
}
