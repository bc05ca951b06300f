import { setTimeout as sleep } from "node:timers/promises";
import { DescribeLogStreamsCommand, GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateTrainingJobCommand,
  DescribeTrainingJobCommand,
  type DescribeTrainingJobResponse,
  StopTrainingJobCommand,
} from "@aws-sdk/client-sagemaker";
import type { Clients } from "../clients.ts";
import { imageClassification, roleArn } from "./names.ts";

const logGroup = "/aws/sagemaker/TrainingJobs";
const pollEveryMs = 500;

export interface TrainingRequest {
  bucket: string;
  /** Where `train/`, `test/` and the lists lie. */
  prefix: string;
  jobName: string;
  hyperparameters: Record<string, string>;
  maxRuntimeSeconds: number;
  /** What the training begins with; absent: from scratch. */
  pretrainedUri?: string;
}

export interface TrainedModel {
  jobName: string;
  modelUri: string;
  /** Last reported value by metric name, such as `validation:accuracy`. */
  metrics: Record<string, number>;
  curve: CurvePoint[];
  seconds: number;
}

export interface CurvePoint {
  epoch: number;
  /** Which of several networks, from 1. */
  network: number;
  trainAccuracy?: number;
  /** On the part of the training pictures that is kept away from training. */
  selectionAccuracy?: number;
  /** On the validation channel, which here is the test split. */
  validationAccuracy?: number;
}

/** Starts a training job of the built-in algorithm and follows its log until it ends; an interruption stops the job. */
export async function train(
  clients: Clients,
  request: TrainingRequest,
  options: { signal: AbortSignal; onLine: (line: string, curve: CurvePoint[]) => void },
): Promise<TrainedModel> {
  await clients.sagemaker.send(createTrainingJob(clients, request));
  const curve: CurvePoint[] = [];
  let network = 1;
  const log = logReader(clients, request.jobName);
  try {
    for (;;) {
      const description = await clients.sagemaker.send(
        new DescribeTrainingJobCommand({ TrainingJobName: request.jobName }),
      );
      for (const line of await log()) {
        network = Number(networkLine.exec(line)?.[1] ?? network);
        addToCurve(curve, line, network);
        options.onLine(line, curve);
      }
      if (description.TrainingJobStatus === "Completed") return trainedModel(request.jobName, description, curve);
      if (description.TrainingJobStatus === "Failed" || description.TrainingJobStatus === "Stopped") {
        const model = description.ModelArtifacts?.S3ModelArtifacts;
        throw new Error(
          `training job ${request.jobName} ${description.TrainingJobStatus.toLowerCase()}: ${description.FailureReason ?? description.SecondaryStatus}${model === undefined ? "" : `; its model so far is ${model}`}`,
        );
      }
      await sleep(pollEveryMs, undefined, { signal: options.signal });
    }
  } catch (error) {
    if (options.signal.aborted)
      await clients.sagemaker.send(new StopTrainingJobCommand({ TrainingJobName: request.jobName }));
    throw error;
  }
}

function createTrainingJob(clients: Clients, request: TrainingRequest): CreateTrainingJobCommand {
  const base = `s3://${request.bucket}/${request.prefix}`;
  const channel = (name: string, uri: string, contentType = "application/x-image") => ({
    ChannelName: name,
    DataSource: {
      S3DataSource: { S3DataType: "S3Prefix" as const, S3Uri: uri, S3DataDistributionType: "FullyReplicated" as const },
    },
    ContentType: contentType,
  });
  return new CreateTrainingJobCommand({
    TrainingJobName: request.jobName,
    AlgorithmSpecification: { TrainingImage: imageClassification, TrainingInputMode: "File" },
    RoleArn: roleArn(clients),
    HyperParameters: request.hyperparameters,
    InputDataConfig: [
      channel("train", `${base}/train/`),
      channel("validation", `${base}/test/`),
      channel("train_lst", `${base}/train.lst`),
      channel("validation_lst", `${base}/test.lst`),
      ...(request.pretrainedUri === undefined
        ? []
        : [channel("model", request.pretrainedUri, "application/x-sagemaker-model")]),
    ],
    OutputDataConfig: { S3OutputPath: `${base}/models/image_model` },
    ResourceConfig: { InstanceCount: 1, InstanceType: "ml.m5.xlarge", VolumeSizeInGB: 30 },
    StoppingCondition: { MaxRuntimeInSeconds: request.maxRuntimeSeconds },
  });
}

function trainedModel(jobName: string, description: DescribeTrainingJobResponse, curve: CurvePoint[]): TrainedModel {
  const metrics: Record<string, number> = {};
  for (const metric of description.FinalMetricDataList ?? []) {
    if (metric.MetricName !== undefined && metric.Value !== undefined) metrics[metric.MetricName] = metric.Value;
  }
  const modelUri = description.ModelArtifacts?.S3ModelArtifacts;
  if (modelUri === undefined) throw new Error(`training job ${jobName} completed without a model`);
  return { jobName, modelUri, metrics, curve, seconds: description.TrainingTimeInSeconds ?? 0 };
}

/** Answers the job's log lines that it has not answered before. */
function logReader(clients: Clients, jobName: string): () => Promise<string[]> {
  let streamName: string | undefined;
  let nextToken: string | undefined;
  return async () => {
    try {
      streamName ??= (
        await clients.logs.send(
          new DescribeLogStreamsCommand({ logGroupName: logGroup, logStreamNamePrefix: `${jobName}/` }),
        )
      ).logStreams?.[0]?.logStreamName;
      if (streamName === undefined) return [];
      const lines: string[] = [];
      for (;;) {
        const page = await clients.logs.send(
          new GetLogEventsCommand({
            logGroupName: logGroup,
            logStreamName: streamName,
            startFromHead: true,
            nextToken,
          }),
        );
        nextToken = page.nextForwardToken;
        if (!page.events || page.events.length === 0) return lines;
        lines.push(...page.events.map((event) => event.message ?? ""));
      }
    } catch (error) {
      if ((error as Error).name === "ResourceNotFoundException") return []; // the job has not written yet
      throw error;
    }
  };
}

const networkLine = /Network (\d+) of \d+, with seed/;
const accuracyLine = /Epoch\[(\d+)\] (Train|Held-out|Validation)-accuracy=([0-9.]+)/;

function addToCurve(curve: CurvePoint[], line: string, network: number): void {
  const match = accuracyLine.exec(line);
  if (!match) return;
  const [epoch, accuracy] = [Number(match[1]), Number(match[3])];
  let point = curve.find((candidate) => candidate.epoch === epoch);
  if (!point) {
    point = { epoch, network };
    curve.push(point);
  }
  if (match[2] === "Train") point.trainAccuracy = accuracy;
  else if (match[2] === "Held-out") point.selectionAccuracy = accuracy;
  else point.validationAccuracy = accuracy;
}
