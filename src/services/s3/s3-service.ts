import { Fault } from "../../kit/fault.ts";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Events } from "../../ports/events.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler, Service } from "../../wire/service.ts";
import { objectAnnouncer } from "./announce.ts";
import { bucketResource } from "./buckets.ts";
import { headNotFound, noSuchBucket } from "./faults.ts";
import { listHandlers } from "./list-objects.ts";
import { multipartHandlers } from "./multipart.ts";
import { readHandlers } from "./read-object.ts";
import { taggingHandlers } from "./tagging.ts";
import { writeHandlers } from "./write-object.ts";

/** S3's own limit for one request; larger objects come in parts. */
export const largestObjectBytes = 5 * 1024 ** 3;

export interface S3Options {
  blobs: Blobs;
  resources: Resources;
  clock: Clock;
  /** Told of every object that comes or goes (`aws.s3`); absent: nobody is. */
  events?: Events;
  /** The largest body of one PutObject or UploadPart. */
  largestObjectBytes?: number;
}

/** Amazon S3: buckets are resources, objects are blobs under `bucket/key`. One version of each, private, unencrypted. */
export function s3Service(options: S3Options): Service {
  const { blobs, resources, clock } = options;
  const buckets = bucketResource({ blobs, resources });
  const announce = objectAnnouncer({ events: options.events, clock });
  const write = {
    blobs,
    announce,
    checkBucket: (bucket: string) => void buckets.find(bucket),
    largestObjectBytes: options.largestObjectBytes ?? largestObjectBytes,
  };
  const inBucket: Record<string, Handler> = {
    ...readHandlers({ blobs }),
    ...writeHandlers(write),
    ...listHandlers({ blobs }),
    ...multipartHandlers(write),
    ...taggingHandlers({ blobs }),
  };

  /** Every operation on objects needs its bucket, and whoever names an owner means only that one's. */
  function guarded([name, handler]: [string, Handler]): [string, Handler] {
    if (name === "CreateBucket" || name === "ListBuckets") return [name, handler];
    return [
      name,
      (input: { Bucket: string; ExpectedBucketOwner?: string }, call: Call) => {
        checkBucket(input, call, name.startsWith("Head"));
        return handler(input, call);
      },
    ];
  }

  function checkBucket(input: { Bucket: string; ExpectedBucketOwner?: string }, call: Call, isHead: boolean): void {
    const bucket = buckets.peek(input.Bucket);
    if (bucket === undefined) throw isHead ? headNotFound() : noSuchBucket(input.Bucket);
    const owner = input.ExpectedBucketOwner;
    if (owner !== undefined && owner !== bucket.accountId && owner !== call.accountId) {
      throw new Fault("AccessDenied", `Access Denied: bucket "${input.Bucket}" is not owned by ${owner}`, {
        status: 403,
      });
    }
  }

  return {
    name: "s3",
    handlers: Object.fromEntries(Object.entries({ ...buckets.handlers, ...inBucket }).map(guarded)),
  };
}
