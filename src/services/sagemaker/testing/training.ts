import { join } from "node:path";
import { Readable } from "node:stream";
import { settled } from "../../../serve/testing/world.ts";
import { unpackArchive } from "../../../serve/unpack-archive.ts";
import { testWorld } from "./service.ts";

type World = ReturnType<typeof testWorld>;
type Running = ReturnType<World["start"]>;

/** A world with a small data set in it. */
export async function withData(options: Parameters<typeof testWorld>[0] = {}): Promise<World> {
  const world = testWorld({
    algorithms: {
      "image-classification": () => ({
        command: "/bin/sh",
        args: ["-c", "echo metric 7"],
        metricDefinitions: [{ name: "builtin:metric", regex: "metric (\\d+)" }],
      }),
    },
    ...options,
  });
  await world.blobs.put("data/set/train/a.txt", "first");
  await world.blobs.put("data/set/train/deep/b.txt", "second");
  await world.blobs.put("data/set/train/", "");
  await world.blobs.put("data/set/train.lst", "list");
  return world;
}

/** Starts a job whose program is a script for `sh`. */
export function create(
  { ask }: Running,
  TrainingJobName: string,
  program: string,
  changes: object = {},
): Promise<object> {
  const channel = (ChannelName: string, S3Uri: string) => ({
    ChannelName,
    ContentType: "application/x-image",
    DataSource: { S3DataSource: { S3DataType: "S3Prefix", S3Uri, S3DataDistributionType: "FullyReplicated" } },
  });
  return ask("CreateTrainingJob", {
    TrainingJobName,
    AlgorithmSpecification: {
      TrainingImage: `process:${program}`,
      TrainingInputMode: "File",
      MetricDefinitions: [{ Name: "train:accuracy", Regex: "Train-accuracy=([0-9.]+)" }],
    },
    HyperParameters: { epochs: "2", "image-shape": "3,32,32" },
    InputDataConfig: [channel("train", "s3://data/set/train/"), channel("train_lst", "s3://data/set/train.lst")],
    OutputDataConfig: { S3OutputPath: "s3://out/models/" },
    ResourceConfig: { InstanceCount: 1, InstanceType: "ml.p3.2xlarge", VolumeSizeInGB: 30 },
    RoleArn: "arn:aws:iam::123456789012:role/scones",
    StoppingCondition: { MaxRuntimeInSeconds: 86400 },
    ...changes,
  });
}

export async function ended({ ask }: Running, TrainingJobName: string) {
  for (const limit = Date.now() + 20_000; Date.now() < limit; await settled()) {
    const job = await ask("DescribeTrainingJob", { TrainingJobName });
    if (["Completed", "Failed", "Stopped"].includes(job.TrainingJobStatus)) return job;
  }
  throw new Error(`training job ${TrainingJobName} does not end`);
}

/** Its lines, sorted. */
export function logOf({ logs }: World, name: string): string[] {
  const group = "/aws/sagemaker/TrainingJobs";
  if (!logs.groups(group).some((one) => one.name === group)) return [];
  const [stream] = logs.streams(group, `${name}/algo-1-`);
  if (stream === undefined) return [];
  return logs
    .read(group, stream.name, { from: 0, limit: 100 })
    .map(({ message }) => message)
    .toSorted();
}

export async function unpacked(world: World, key: string): Promise<string> {
  const folder = join(world.directory, `unpacked-${Math.random()}`);
  const archive = world.blobs.contents.get(key) as Buffer;
  await unpackArchive(Readable.from([archive]), folder, { packedBytes: archive.length });
  return folder;
}
