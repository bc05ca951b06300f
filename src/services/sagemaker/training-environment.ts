import { join } from "node:path";
import { type MlPlace, mlRoot } from "./ml-place.ts";
import type { StoredTrainingJob } from "./training-job.ts";

/**
 * What a training program finds in its environment: `SCONES_ML_PREFIX` is /opt/ml or the folder that stands for it, the rest is what
 * the SageMaker training toolkit sets. Nothing else of ours gets in.
 */
export function trainingEnvironment(
  job: StoredTrainingJob,
  { inPlace }: Pick<MlPlace, "inPlace">,
  base: Readonly<Record<string, string>>,
): Record<string, string> {
  const { request } = job;
  const channels = (request.InputDataConfig ?? []).map(({ ChannelName }) => ChannelName as string);
  const hyperparameters = request.HyperParameters ?? {};
  const folder = inPlace(mlRoot);
  const variables = Object.entries(request.Environment ?? {});
  return {
    ...base,
    ...Object.fromEntries(variables.map(([name, value]) => [name, inPlace(value)])),
    SCONES_ML_PREFIX: folder,
    TRAINING_JOB_NAME: job.name,
    TRAINING_JOB_ARN: job.arn,
    AWS_REGION: job.region,
    SM_MODEL_DIR: join(folder, "model"),
    SM_INPUT_DIR: join(folder, "input"),
    SM_INPUT_CONFIG_DIR: join(folder, "input", "config"),
    SM_OUTPUT_DIR: join(folder, "output"),
    SM_OUTPUT_DATA_DIR: join(folder, "output", "data"),
    SM_HOSTS: '["algo-1"]',
    SM_CURRENT_HOST: "algo-1",
    SM_NETWORK_INTERFACE_NAME: "lo",
    SM_NUM_CPUS: String(job.cores),
    SM_NUM_GPUS: "0",
    SM_LOG_LEVEL: "20",
    SM_JOB_NAME: job.name,
    SM_CHANNELS: JSON.stringify(channels),
    SM_HPS: JSON.stringify(hyperparameters),
    ...Object.fromEntries(
      channels.map((name) => [`SM_CHANNEL_${inCapitals(name)}`, join(folder, "input", "data", name)]),
    ),
    ...Object.fromEntries(Object.entries(hyperparameters).map(([name, value]) => [`SM_HP_${inCapitals(name)}`, value])),
  };
}

function inCapitals(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, "_");
}
