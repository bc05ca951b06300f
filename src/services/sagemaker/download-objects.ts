import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { S3DataSource } from "@aws-sdk/client-sagemaker";
import type { Blobs } from "../../ports/blobs.ts";
import { type InputObject, inputObjects } from "./transform-inputs.ts";
import { RecordError } from "./transform-split.ts";

/** What the user of a job can put right: becomes `ClientError: ...` in the FailureReason. */
export class ClientError extends Error {
  override readonly name = "ClientError";
}

/** Objects fetched at once: hides the latency of small files without many open ones. */
const parallelDownloads = 16;

export interface Download {
  blobs: Blobs;
  /** The folder that names are below. */
  target: string;
  signal: AbortSignal;
}

/** Fetches what a data source names into a folder. Throws `ClientError` when that is nothing. */
export function downloadSource(source: Partial<S3DataSource>, download: Download): Promise<void> {
  return downloadSome(inputObjects({ DataSource: { S3DataSource: source as S3DataSource } }, download.blobs), {
    ...download,
    uri: source.S3Uri as string,
  });
}

/** Fetches objects into a folder. Throws `ClientError` when there are none; `uri` is where they should be. */
export async function downloadSome(
  objects: AsyncGenerator<InputObject>,
  { uri, ...download }: Download & { uri: string },
): Promise<void> {
  if ((await downloadObjects(objects, download)) > 0) return;
  throw failed(
    `Failed to download data. No S3 objects found under S3 URL "${uri}" given in input data source. Please ensure that the bucket exists and that objects exist under that S3 prefix.`,
  );
}

/** Fetches objects into a folder as they are listed, some at a time; answers how many there were. */
export async function downloadObjects(objects: AsyncGenerator<InputObject>, download: Download): Promise<number> {
  let count = 0;
  const fetcher = async () => {
    // All fetchers take from one list.
    for (let next = await objects.next(); !next.done; next = await objects.next()) {
      download.signal.throwIfAborted();
      count++;
      await downloadOne(next.value, download);
    }
  };
  try {
    await Promise.all(Array.from({ length: parallelDownloads }, fetcher));
  } catch (error) {
    if (error instanceof RecordError) throw failed(error.message, error);
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
    throw failed(`no space is left on the disk after ${count} objects in ${download.target}: make room`, error);
  } finally {
    await objects.return(undefined);
  }
  return count;
}

async function downloadOne({ key, name }: InputObject, { blobs, target, signal }: Download): Promise<void> {
  const isName = name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (!isName || name.includes("\\") || name.includes("\0")) {
    throw failed(`"${key}" cannot be the name of a file`);
  }
  const path = join(target, name);
  const blob = await blobs.get(key);
  if (blob === undefined) throw failed(`there is no object s3://${key}`);
  try {
    await mkdir(dirname(path), { recursive: true });
    await pipeline(blob.body, createWriteStream(path), { signal });
  } catch (error) {
    blob.body.destroy();
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EISDIR" || code === "ENOTDIR" || code === "EEXIST" || code === "ENAMETOOLONG") {
      throw failed(`s3://${key} cannot become a file (${code})`, error);
    }
    throw error;
  }
}

/** As AWS begins it, without a space. */
function failed(reason: string, cause?: unknown): ClientError {
  return new ClientError(`Data download failed:${reason}`, { cause });
}
