import type { CreateProcessingJobRequest } from "@aws-sdk/client-sagemaker";
import { memoryResources } from "../../../ports/memory-resources.ts";
import { testClock } from "../../../ports/test-clock.ts";
import { memoryBlobs } from "../../../serve/testing/world.ts";
import type { Call } from "../../../wire/service.ts";
import { monitoring } from "../monitoring/monitoring.ts";
import type { MonitoringOrigin, StoredProcessingJob } from "../processing/processing-job.ts";
import { arnOf, kindOf } from "../resource-names.ts";

const call: Call = {
  requestId: "r",
  region: "us-east-1",
  accountId: "123456789012",
  baseUrl: "http://127.0.0.1:4566",
  signal: new AbortController().signal,
};
const start = Date.parse("2026-11-20T10:20:00Z");
export const hour = 3_600_000;
export const analyzer = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer";

/** Model Monitor with memory behind it: time is driven, and jobs end as the test says. `open` begins it again upon the same memory. */
export function monitoredWorld() {
  const clock = testClock(start);
  const resources = memoryResources(clock);
  const blobs = memoryBlobs();
  const problems: string[] = [];
  const written: string[] = [];
  const created: (CreateProcessingJobRequest & { monitoring: MonitoringOrigin })[] = [];
  resources.put(kindOf("endpoint"), "pictures", {
    name: "pictures",
    current: {
      variants: [{ name: "AllTraffic" }],
      shadows: [{ name: "shadow" }],
      capture: { DestinationS3Uri: "s3://bucket/captured/", CaptureOptions: [], InitialSamplingPercentage: 100 },
    },
  });
  const open = () => {
    const service = monitoring({
      resources,
      blobs,
      clock,
      operations: { has: () => true, call: async () => ({ output: {}, requestId: "r" }) },
      programs: { "sagemaker-model-monitor-analyzer": () => ({ command: "true", args: [] }) },
      createJob: (request, origin) => {
        created.push({ ...request, monitoring: origin.monitoring });
        const name = request.ProcessingJobName as string;
        const job = { name, arn: arnOf("processing-job", name, origin), request, status: "InProgress", ...origin };
        resources.create(kindOf("processing-job"), name, job as never);
        service.onJob(job as never);
      },
      writeCaptures: async (endpointName) => void written.push(endpointName),
      report: (message, error) => problems.push(`${message}: ${(error as Error).stack}`),
    });
    service.resume();
    // biome-ignore lint/suspicious/noExplicitAny: tests read members of many different answers
    const ask = async (operation: string, input: object): Promise<any> => service.handlers[operation]?.(input, call);
    const end = async (changes: Partial<StoredProcessingJob>, place = -1) => {
      const name = created.at(place)?.ProcessingJobName as string;
      const job = resources.update<StoredProcessingJob>(kindOf("processing-job"), name, (old) => ({
        ...old,
        ...changes,
      }));
      service.onJob((job as NonNullable<typeof job>).value);
      await clock.advance(0);
    };
    const executions = async () =>
      (await ask("ListMonitoringExecutions", { SortBy: "ScheduledTime", SortOrder: "Ascending" }))
        .MonitoringExecutionSummaries;
    return { ...service, ask, end, executions };
  };
  const capture = (place: string) => blobs.put(`bucket/captured/pictures/${place}`, "{}\n");
  return { clock, resources, blobs, problems, written, created, open, capture };
}

export const input = { EndpointInput: { EndpointName: "pictures", LocalPath: "/opt/ml/processing/input/endpoint" } };
export const output = {
  MonitoringOutputs: [{ S3Output: { S3Uri: "s3://bucket/reports/", LocalPath: "/opt/ml/processing/output" } }],
};
export const JobResources = { ClusterConfig: { InstanceCount: 1, InstanceType: "ml.m5.xlarge", VolumeSizeInGB: 20 } };
export const definition = {
  JobDefinitionName: "quality",
  DataQualityAppSpecification: { ImageUri: analyzer, Environment: { publish_cloudwatch_metrics: "Enabled" } },
  DataQualityBaselineConfig: { ConstraintsResource: { S3Uri: "s3://bucket/base/constraints.json" } },
  DataQualityJobInput: input,
  DataQualityJobOutputConfig: output,
  JobResources,
  RoleArn: "arn:aws:iam::123456789012:role/scones",
};
export const hourly = (changes: object = {}) => ({
  MonitoringScheduleName: "watch",
  MonitoringScheduleConfig: {
    ScheduleConfig: { ScheduleExpression: "cron(0 * ? * * *)" },
    MonitoringJobDefinitionName: "quality",
    MonitoringType: "DataQuality",
    ...changes,
  },
});
