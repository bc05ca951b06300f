import type { Channel, CreateTrainingJobRequest, StoppingCondition } from "@aws-sdk/client-sagemaker";
import { invalid, notSupported, parseS3Uri } from "./resource-names.ts";
import { type Algorithms, algorithmOf, isOwnProgram, type TrainingAlgorithm } from "./training-algorithm.ts";
import { checkCheckpointConfig } from "./training-checkpoints.ts";

// What a training job is asked for, checked as a whole before it is kept. Texts that were never recorded are ours.

type TrainingRequest = Omit<CreateTrainingJobRequest, "Tags">;

/** Refuses what would be passed over; what a local machine has no use for (roles, networks, volumes) is kept and shown. */
export function checkTrainingRequest(request: TrainingRequest, algorithms: Algorithms): TrainingAlgorithm {
  const algorithm = algorithmOf(request, algorithms);
  parseS3Uri(request.OutputDataConfig?.S3OutputPath as string);
  checkCheckpointConfig(request.CheckpointConfig);
  checkStoppingCondition(request.StoppingCondition, request.EnableManagedSpotTraining ?? false);
  const instances = request.ResourceConfig?.InstanceCount ?? 1;
  if (instances !== 1) throw notSupported(`InstanceCount ${instances}: a training job runs on this machine alone; it`);
  const channels = request.InputDataConfig ?? [];
  const names = channels.map(({ ChannelName }) => ChannelName as string);
  if (new Set(names).size !== names.length) throw invalid("Two channels of InputDataConfig have the same ChannelName.");
  const isOwn = isOwnProgram(request);
  for (const channel of channels) checkChannel(channel, isOwn);
  // The built-in algorithm reads streams and files alike; a pipe for a program of one's own would have to be one.
  if (isOwn && request.AlgorithmSpecification?.TrainingInputMode === "Pipe") {
    throw notSupported("TrainingInputMode Pipe for a program of your own");
  }
  if (isOwn && request.EnableNetworkIsolation) {
    throw notSupported("EnableNetworkIsolation for a program of your own, which runs as a process of this machine,");
  }
  return algorithm;
}

function checkChannel({ ChannelName, DataSource, CompressionType, InputMode }: Channel, isOwn: boolean): void {
  const source = DataSource?.S3DataSource;
  if (source === undefined) throw notSupported(`Channel ${ChannelName}: a DataSource other than S3DataSource`);
  if (CompressionType === "Gzip") throw notSupported(`Channel ${ChannelName}: CompressionType Gzip`);
  if (isOwn && InputMode === "Pipe") {
    throw notSupported(`Channel ${ChannelName}: InputMode Pipe for a program of your own`);
  }
  if (source.S3DataType === "AugmentedManifestFile") {
    if (isOwn) throw notSupported(`Channel ${ChannelName}: AugmentedManifestFile for a program of your own`);
    if (source.AttributeNames?.length !== 2) {
      throw invalid(
        `Channel ${ChannelName} is an augmented manifest: it needs two AttributeNames, that of the picture and that of its class, such as ["source-ref", "class"].`,
      );
    }
  } else if (source.S3DataType !== "S3Prefix" && source.S3DataType !== "ManifestFile") {
    throw notSupported(`Channel ${ChannelName}: S3DataType ${source.S3DataType}`);
  }
  parseS3Uri(source.S3Uri as string);
  if (ChannelName === "." || ChannelName === "..") throw invalid(`"${ChannelName}" is no name for a channel.`);
}

/** MaxWaitTimeInSeconds is of spot training, where it is a must. */
function checkStoppingCondition(condition: StoppingCondition = {}, isSpot: boolean): void {
  const { MaxRuntimeInSeconds = 86_400, MaxWaitTimeInSeconds: wait } = condition;
  if (!isSpot && wait !== undefined) {
    throw invalid("Invalid MaxWaitTimeInSeconds. It can only be present when EnableManagedSpotTraining is true.");
  }
  if (isSpot && (wait === undefined || wait < MaxRuntimeInSeconds)) {
    throw invalid(
      "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds.",
    );
  }
}
