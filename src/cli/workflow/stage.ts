import { CreateBucketCommand, HeadBucketCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { bounds } from "../../config.ts";
import type { Clients } from "../clients.ts";
import type { DataSet, Picture } from "./data-set.ts";

/** Where a data set lies in object storage, in the layout that training reads. */
export interface StagedDataSet {
  bucket: string;
  prefix: string;
  description: string;
  classes: string[];
  counts: Record<"train" | "test", Record<string, number>>;
}

/**
 * Uploads the pictures below `prefix/train/` and `prefix/test/`, then the lists, then the class names: whoever finds
 * a list finds every picture it names.
 */
export async function stage(
  clients: Clients,
  dataSet: DataSet,
  options: {
    bucket: string;
    prefix: string;
    signal: AbortSignal;
    onProgress: (done: number, total: number | undefined) => void;
  },
): Promise<StagedDataSet> {
  const { bucket, prefix, signal } = options;
  await ensureBucket(clients, bucket);
  const listed: Omit<Picture, "bytes">[] = [];
  await inParallel(dataSet.pictures, bounds.uploadsInFlight, async (picture) => {
    signal.throwIfAborted();
    const key = `${prefix}/${picture.split}/${picture.name}`;
    await clients.s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: await picture.bytes(),
        ContentType: contentTypeOf(picture.name),
      }),
      {
        abortSignal: signal,
      },
    );
    listed.push({ split: picture.split, row: picture.row, label: picture.label, name: picture.name });
    options.onProgress(listed.length, dataSet.total);
  });
  const categories = { key_mapping: Object.fromEntries(dataSet.classes.map((name, label) => [String(label), name])) };
  await putText(clients, bucket, `${prefix}/train/label_categories.json`, `${JSON.stringify(categories)}\n`);
  for (const split of ["train", "test"] as const)
    await putText(clients, bucket, `${prefix}/${split}.lst`, listOf(listed, split));
  return {
    bucket,
    prefix,
    description: dataSet.description,
    classes: dataSet.classes,
    counts: countsOf(listed, dataSet.classes),
  };
}

function listOf(pictures: Omit<Picture, "bytes">[], split: Picture["split"]): string {
  return pictures
    .filter((picture) => picture.split === split)
    .sort((left, right) => left.label - right.label || left.row - right.row || (left.name < right.name ? -1 : 1))
    .map((picture) => `${picture.row}\t${picture.label}\t${picture.name}\n`)
    .join("");
}

function countsOf(pictures: Omit<Picture, "bytes">[], classes: string[]): StagedDataSet["counts"] {
  const counts = { train: zeroes(classes), test: zeroes(classes) };
  for (const { split, label } of pictures) {
    const name = classes[label] ?? `class-${label}`;
    counts[split][name] = (counts[split][name] ?? 0) + 1;
  }
  return counts;
}

function zeroes(classes: string[]): Record<string, number> {
  return Object.fromEntries(classes.map((name) => [name, 0]));
}

async function ensureBucket(clients: Clients, bucket: string): Promise<void> {
  try {
    await clients.s3.send(new HeadBucketCommand({ Bucket: bucket }));
  } catch (error) {
    if ((error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode !== 404) throw error;
    await clients.s3.send(new CreateBucketCommand({ Bucket: bucket }));
  }
}

async function putText(clients: Clients, bucket: string, key: string, text: string): Promise<void> {
  await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: text }));
}

const contentTypes: Record<string, string> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  webp: "image/webp",
  gif: "image/gif",
  bmp: "image/bmp",
};

export function contentTypeOf(name: string): string {
  return contentTypes[name.slice(name.lastIndexOf(".") + 1).toLowerCase()] ?? "application/x-image";
}

/** Does the work for each item, at most `limit` at once; the first failure stops it and is thrown. */
export async function inParallel<T>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  for await (const item of items) {
    if (failure) break;
    const task = work(item)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => running.delete(task));
    running.add(task);
    if (running.size >= limit) await Promise.race(running);
  }
  await Promise.all(running);
  if (failure) throw failure.error;
}
