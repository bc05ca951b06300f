import type { TransformInput } from "@aws-sdk/client-sagemaker";
import type { Blobs } from "../../ports/blobs.ts";
import { readWhole } from "./read-object.ts";
import { parseS3Uri } from "./resource-names.ts";
import { RecordError } from "./transform-split.ts";

/** One object to transform: its blob key, and its name below the output path without `.out`. */
export interface InputObject {
  key: string;
  name: string;
}

/** A list of objects, not their content. */
export const maxManifestBytes = 64 * 1024 * 1024;

/** The objects of a prefix, or those that a manifest names, in order. */
export async function* inputObjects(input: TransformInput | undefined, blobs: Blobs): AsyncGenerator<InputObject> {
  const { S3DataType, S3Uri = "" } = input?.DataSource?.S3DataSource ?? {};
  if (S3DataType === "ManifestFile") yield* ofManifest(S3Uri, blobs);
  else yield* ofPrefix(S3Uri, blobs);
}

async function* ofPrefix(uri: string, blobs: Blobs): AsyncGenerator<InputObject> {
  const { bucket, key } = parseS3Uri(uri);
  const prefix = `${bucket}/${key}`;
  for (let startAfter: string | undefined; ; ) {
    const page = await blobs.list({ prefix, ...(startAfter === undefined ? {} : { startAfter }) });
    for (const blob of page.blobs) {
      // What consoles make as folders holds nothing.
      if (!blob.key.endsWith("/")) yield { key: blob.key, name: below(blob.key, prefix) };
    }
    if (page.next === undefined) return;
    startAfter = page.next;
  }
}

/** `[{"prefix": "s3://bucket/folder/"}, "a.csv", "b.csv"]` */
async function* ofManifest(uri: string, blobs: Blobs): AsyncGenerator<InputObject> {
  const text = await readWhole(blobs, uri, maxManifestBytes);
  if (text === undefined) throw new RecordError(`The manifest ${uri} could not be found.`);
  const [first, ...names] = parsed(text, uri);
  const prefix = (first as { prefix?: unknown } | undefined)?.prefix;
  if (typeof prefix !== "string" || !names.every((name) => typeof name === "string")) {
    throw new RecordError(`The manifest ${uri} must be a list of {"prefix": "s3://..."} and names below it.`);
  }
  const { bucket, key } = parseS3Uri(prefix);
  for (const name of names as string[]) yield { key: `${bucket}/${key}${name}`, name };
}

function parsed(text: Buffer, uri: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text.toString());
    if (Array.isArray(value)) return value;
  } catch {
    // falls through to the refusal
  }
  throw new RecordError(`The manifest ${uri} is not a JSON list.`);
}

/** Below the prefix where that is a folder, else below the folder it is in. */
function below(key: string, prefix: string): string {
  if (prefix.endsWith("/")) return key.slice(prefix.length);
  if (key.startsWith(`${prefix}/`)) return key.slice(prefix.length + 1);
  return key.slice(prefix.lastIndexOf("/") + 1);
}
