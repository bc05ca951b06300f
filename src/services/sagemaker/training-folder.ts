import { setMaxListeners } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Channel, CreateTrainingJobRequest } from "@aws-sdk/client-sagemaker";
import type { BlobInfo, Blobs } from "../../ports/blobs.ts";
import { parseS3Uri } from "./resource-names.ts";

/** What the user can put right: becomes `ClientError: ...` in the FailureReason. */
export class ClientError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ClientError";
  }
}

/** Objects fetched at once: hides the latency of small files without many open ones. */
const parallelDownloads = 16;

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
    const uri = channel.DataSource?.S3DataSource?.S3Uri as string;
    const target = join(folder, "input", "data", channel.ChannelName as string);
    await mkdir(target, { recursive: true });
    await downloadUri(blobs, { uri, target, signal });
  }
}

/** Fetches every object below an address into a folder. Throws `ClientError` when there is none. */
export async function downloadUri(
  blobs: Blobs,
  { uri, target, signal }: { uri: string; target: string; signal: AbortSignal },
): Promise<void> {
  const { bucket, key } = parseS3Uri(uri);
  const count = await downloadBelow(blobs, { prefix: `${bucket}/${key}`, target, signal });
  if (count > 0) return;
  throw new ClientError(
    `Data download failed:Failed to download data. No S3 objects found under S3 URL "${uri}" given in input data source. Please ensure that the bucket exists and that objects exist under that S3 prefix.`,
  );
}

/** Fetches every object below a prefix into a folder; answers how many there were. */
export async function downloadBelow(
  blobs: Blobs,
  { prefix, target, signal }: { prefix: string; target: string; signal: AbortSignal },
): Promise<number> {
  const objects = await listAll(blobs, prefix, signal);
  const waiting = objects.values();
  const fetcher = async () => {
    for (const object of waiting) {
      signal.throwIfAborted();
      await downloadOne(blobs, { key: object.key, name: nameBelow(prefix, object.key), target, signal });
    }
  };
  await Promise.all(Array.from({ length: parallelDownloads }, fetcher));
  return objects.length;
}

async function listAll(blobs: Blobs, prefix: string, signal: AbortSignal): Promise<BlobInfo[]> {
  const all: BlobInfo[] = [];
  let startAfter: string | undefined;
  do {
    signal.throwIfAborted();
    const page = await blobs.list({ prefix, ...(startAfter === undefined ? {} : { startAfter }) });
    all.push(...page.blobs.filter(({ key }) => !key.endsWith("/"))); // what consoles make for empty folders
    startAfter = page.next;
  } while (startAfter !== undefined);
  return all;
}

/** Below a prefix that is a folder names are relative to it; an object named itself keeps its last part. */
function nameBelow(prefix: string, key: string): string {
  const folder = key.startsWith(`${prefix}/`) ? `${prefix}/` : prefix.slice(0, prefix.lastIndexOf("/") + 1);
  return key.slice(folder.length);
}

/** Fetches one object to a name below a folder. */
export async function downloadOne(
  blobs: Blobs,
  { key, name, target, signal }: { key: string; name: string; target: string; signal: AbortSignal },
): Promise<void> {
  const isName = name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (!isName || name.includes("\\") || name.includes("\0")) {
    throw new ClientError(`Data download failed: "${key}" cannot be the name of a file`);
  }
  const path = join(target, name);
  const blob = await blobs.get(key);
  if (blob === undefined) throw new ClientError(`Data download failed: there is no object s3://${key}`);
  try {
    await mkdir(dirname(path), { recursive: true });
    await pipeline(blob.body, createWriteStream(path), { signal });
  } catch (error) {
    blob.body.destroy();
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EISDIR" || code === "ENOTDIR" || code === "EEXIST" || code === "ENAMETOOLONG") {
      throw new ClientError(`Data download failed: s3://${key} cannot become a file (${code})`);
    }
    throw error;
  }
}

/** Whether there is at least one regular file below the folder. */
export async function hasFiles(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.some((entry) => entry.isFile());
}
