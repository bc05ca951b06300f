import { setMaxListeners } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { finished } from "node:stream/promises";
import type { Channel, CreateTrainingJobRequest, S3DataSource } from "@aws-sdk/client-sagemaker";
import type { Blobs } from "../../ports/blobs.ts";
import { type LabelledObject, labelledObjects } from "./augmented-manifest.ts";
import { downloadSome, downloadSource } from "./download-objects.ts";
import { labelReader } from "./manifest-labels.ts";

type Request = Omit<CreateTrainingJobRequest, "Tags">;

/** Makes the folder that stands for /opt/ml, without its data. Checkpoints of an interrupted run stay. */
export async function layOutFolder(folder: string, request: Request): Promise<void> {
  for (const name of ["input", "model", "output", "code"])
    await rm(join(folder, name), { recursive: true, force: true });
  for (const name of ["input/config", "input/data", "model", "output/data", "checkpoints", "code"]) {
    await mkdir(join(folder, name), { recursive: true });
  }
  const channels = (request.InputDataConfig ?? []).map((channel) => [
    channel.ChannelName,
    channelConfig(channel, request),
  ]);
  const config = join(folder, "input", "config");
  await writeFile(join(config, "hyperparameters.json"), JSON.stringify(request.HyperParameters ?? {}));
  await writeFile(join(config, "inputdataconfig.json"), JSON.stringify(Object.fromEntries(channels)));
  await writeFile(join(config, "resourceconfig.json"), JSON.stringify(resourceConfig(request)));
}

function channelConfig(channel: Channel, request: Request) {
  return {
    ...(channel.ContentType === undefined ? {} : { ContentType: channel.ContentType }),
    RecordWrapperType: channel.RecordWrapperType ?? "None",
    S3DistributionType: channel.DataSource?.S3DataSource?.S3DataDistributionType ?? "FullyReplicated",
    TrainingInputMode: channel.InputMode ?? request.AlgorithmSpecification?.TrainingInputMode ?? "File",
  };
}

function resourceConfig(request: Request) {
  return {
    current_host: "algo-1",
    current_instance_type: request.ResourceConfig?.InstanceType ?? "local",
    current_group_name: "homogeneousCluster",
    hosts: ["algo-1"],
    network_interface_name: "lo",
  };
}

/** Fetches every channel into `input/data/<channel>`. Throws `ClientError` for data that is not there. */
export async function downloadChannels(
  folder: string,
  request: Request,
  blobs: Blobs,
  signal: AbortSignal,
): Promise<void> {
  setMaxListeners(0, signal); // every download under way listens to it
  for (const channel of request.InputDataConfig ?? []) {
    const { ChannelName, DataSource } = channel;
    const target = join(folder, "input", "data", ChannelName as string);
    await mkdir(target, { recursive: true });
    const source: Partial<S3DataSource> = DataSource?.S3DataSource ?? {};
    const download = { blobs, target, signal };
    if (source.S3DataType === "AugmentedManifestFile") {
      const objects = labelledObjects(source, { blobs, labelsOf: labelReader(channel, request) });
      const listed = withListFile(objects, join(target, `${ChannelName}.lst`));
      await downloadSome(listed, { ...download, uri: source.S3Uri as string });
    } else {
      await downloadSource(source, download);
    }
  }
}

/** Writes beside what is fetched which classes each file shows: a `.lst` file, as the built-in algorithm reads it. */
async function* withListFile(objects: AsyncGenerator<LabelledObject>, path: string): AsyncGenerator<LabelledObject> {
  const lines = createWriteStream(path);
  const classNames: string[] = [];
  let index = 0;
  try {
    for await (const object of objects) {
      for (const [id, name] of Object.entries(object.classNames)) classNames[Number(id)] = name;
      lines.write(`${[index++, ...object.labels, object.name].join("\t")}\n`);
      yield object;
    }
  } finally {
    lines.end();
    await finished(lines);
  }
  const isWhole = classNames.length > 0 && Object.keys(classNames).length === classNames.length;
  if (!isWhole) return;
  await writeFile(join(dirname(path), "label_categories.json"), JSON.stringify({ key_mapping: { ...classNames } }));
}

/** Whether there is at least one regular file below the folder. */
export async function hasFiles(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.some((entry) => entry.isFile());
}
