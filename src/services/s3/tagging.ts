import { Fault } from "../../kit/fault.ts";
import type { BlobInfo, Blobs } from "../../ports/blobs.ts";
import type { Call, Handler } from "../../wire/service.ts";
import type { Buckets } from "./buckets.ts";
import { noSuchKey } from "./faults.ts";
import type { Notifier } from "./notify.ts";
import { checkVersionId, shownVersion } from "./versions.ts";

interface Tag {
  Key: string;
  Value: string;
}

interface TaggingInput {
  Bucket: string;
  Key: string;
  VersionId?: string;
  Tagging?: { TagSet?: Tag[] };
}

export interface TaggingOptions {
  blobs: Blobs;
  buckets: Buckets;
  notifier: Notifier;
}

const header = "x-amz-tagging";
/** As S3. */
const mostObjectTags = 10;
const mostBucketTags = 50;
const longestKey = 128;
const longestValue = 256;

/** Tags of objects are one of their headers, tags of buckets are part of them. */
export function taggingHandlers({ blobs, buckets, notifier }: TaggingOptions): Record<string, Handler> {
  async function replace(input: TaggingInput, call: Call, tags: Tag[]): Promise<object> {
    checkVersionId(input.VersionId);
    const tagging = new URLSearchParams(tags.map(({ Key, Value }): [string, string] => [Key, Value])).toString();
    const event = tags.length === 0 ? "ObjectTagging:Delete" : "ObjectTagging:Put";
    const blob = await blobs.changeHeaders(
      `${input.Bucket}/${input.Key}`,
      ({ [header]: _, ...headers }) => (tagging === "" ? headers : { ...headers, [header]: tagging }),
      { version: input.VersionId, note: notifier.noteOf(event, { bucket: input.Bucket, call }) },
    );
    if (blob === undefined) throw noSuchKey(input.Key);
    notifier.wake();
    return { VersionId: shownVersion(buckets.find(input.Bucket), blob) };
  }

  async function find(input: TaggingInput): Promise<BlobInfo> {
    checkVersionId(input.VersionId);
    const blob = await blobs.head(`${input.Bucket}/${input.Key}`, { version: input.VersionId });
    if (blob === undefined || blob.isMarker) throw noSuchKey(input.Key);
    return blob;
  }

  return {
    async GetObjectTagging(input: TaggingInput) {
      const blob = await find(input);
      const tags = new URLSearchParams(blob.headers[header] ?? "");
      return {
        TagSet: [...tags].map(([Key, Value]) => ({ Key, Value })),
        VersionId: shownVersion(buckets.find(input.Bucket), blob),
      };
    },
    PutObjectTagging: (input: TaggingInput, call: Call) =>
      replace(input, call, checked(input.Tagging?.TagSet, mostObjectTags, "Object")),
    DeleteObjectTagging: (input: TaggingInput, call: Call) => replace(input, call, []),

    GetBucketTagging(input: { Bucket: string }) {
      const { tags } = buckets.find(input.Bucket);
      if (tags !== undefined) return { TagSet: tags };
      throw new Fault("NoSuchTagSet", "The TagSet does not exist", {
        status: 404,
        members: { BucketName: input.Bucket },
      });
    },
    PutBucketTagging(input: TaggingInput) {
      buckets.change(input.Bucket, { tags: checked(input.Tagging?.TagSet, mostBucketTags, "Bucket") });
      return {};
    },
    DeleteBucketTagging(input: { Bucket: string }) {
      buckets.change(input.Bucket, { tags: undefined });
      return {};
    },
  };
}

/** The tags of a put, as `a=1&b=2`. */
export function checkTaggingHeader(tagging: string): void {
  const tags = [...new URLSearchParams(tagging)].map(([Key, Value]) => ({ Key, Value }));
  checked(tags, mostObjectTags, "Object");
}

function checked(tags: Tag[] = [], most: number, whose: string): Tag[] {
  if (tags.length > most) throw new Fault("BadRequest", `${whose} tags cannot be greater than ${most}`);
  const keys = new Set<string>();
  for (const { Key, Value } of tags) {
    if (Key.length === 0 || Key.length > longestKey) {
      throw new Fault("InvalidTag", "The TagKey you have provided is invalid", { members: { TagKey: Key } });
    }
    if (Value.length > longestValue) {
      throw new Fault("InvalidTag", "The TagValue you have provided is invalid", { members: { TagKey: Key } });
    }
    if (Key.startsWith("aws:")) {
      throw new Fault("InvalidTag", "System tags cannot be added/updated by requester", { members: { TagKey: Key } });
    }
    if (keys.has(Key)) {
      throw new Fault("InvalidTag", "Cannot provide multiple Tags with the same key", { members: { TagKey: Key } });
    }
    keys.add(Key);
  }
  return tags;
}
