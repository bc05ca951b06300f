import { Fault } from "../../kit/fault.ts";
import type { BlobInfo, Blobs } from "../../ports/blobs.ts";
import type { Handler } from "../../wire/service.ts";
import { noSuchKey } from "./faults.ts";

interface TaggingInput {
  Bucket: string;
  Key: string;
  Tagging?: { TagSet?: { Key: string; Value: string }[] };
}

const header = "x-amz-tagging";
/** As S3. */
const mostTags = 10;

/** Tags of objects are one of their headers; changing them replaces the object with itself. */
export function taggingHandlers({ blobs }: { blobs: Blobs }): Record<string, Handler> {
  async function find(input: TaggingInput): Promise<BlobInfo> {
    const blob = await blobs.head(`${input.Bucket}/${input.Key}`);
    if (blob === undefined) throw noSuchKey(input.Key);
    return blob;
  }

  async function replace(input: TaggingInput, tagging: string): Promise<object> {
    const blob = await find(input);
    const headers: Record<string, string> = { ...blob.headers };
    delete headers[header];
    if (tagging !== "") headers[header] = tagging;
    // Whoever replaced the object since has its own tags: ours must not bring the old object back.
    const replaced = await blobs.copy(blob.key, blob.key, { headers, ifMatch: blob.etag });
    if (replaced === undefined) throw noSuchKey(input.Key);
    return {};
  }

  return {
    async GetObjectTagging(input: TaggingInput) {
      const tags = new URLSearchParams((await find(input)).headers[header] ?? "");
      return { TagSet: [...tags].map(([Key, Value]) => ({ Key, Value })) };
    },
    PutObjectTagging(input: TaggingInput) {
      const tags = input.Tagging?.TagSet ?? [];
      if (tags.length > mostTags) {
        throw new Fault("BadRequest", `Object tags cannot be greater than ${mostTags}`);
      }
      return replace(
        input,
        new URLSearchParams(tags.map(({ Key, Value }): [string, string] => [Key, Value])).toString(),
      );
    },
    DeleteObjectTagging: (input: TaggingInput) => replace(input, ""),
  };
}
