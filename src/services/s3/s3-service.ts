import { Fault } from "../../kit/fault.ts";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler, Pages, Service } from "../../wire/service.ts";
import { aclHandlers } from "./acl.ts";
import { bucketResource } from "./buckets.ts";
import { allowPage, corsHandlers } from "./cors.ts";
import { headNotFound, noSuchBucket } from "./faults.ts";
import { listHandlers } from "./list-objects.ts";
import { multipartHandlers } from "./multipart.ts";
import { notificationHandlers } from "./notification-configuration.ts";
import { type Destinations, objectNotifier } from "./notify.ts";
import { postObject } from "./post-object.ts";
import { readHandlers } from "./read-object.ts";
import { serviceObjects } from "./service-objects.ts";
import { taggingHandlers } from "./tagging.ts";
import { untouchedSettings } from "./untouched-settings.ts";
import { versionHandlers } from "./versions.ts";
import { writeHandlers } from "./write-object.ts";

/** S3's own limit for one request; larger objects come in parts. */
export const largestObjectBytes = 5 * 1024 ** 3;

export interface S3Options extends Destinations {
  blobs: Blobs;
  resources: Resources;
  clock: Clock;
  /** The largest body of one PutObject or UploadPart. */
  largestObjectBytes?: number;
}

export interface S3Service extends Service {
  pages: Pages;
  /** For services that write objects themselves: versioned and told of like everybody's. */
  objects: Blobs;
  /** Ends the deliveries that are being made; the rest is made after the next start. */
  close(): Promise<void>;
}

/** Amazon S3: buckets are resources, objects are blobs under `bucket/key`. Private and unencrypted. */
export function s3Service(options: S3Options): S3Service {
  const { blobs, resources, clock } = options;
  const buckets = bucketResource({ blobs, resources });
  const notifier = objectNotifier({ blobs, buckets, resources, clock, destinations: options });
  const objects = { blobs, buckets, notifier };
  const write = { ...objects, clock, largestObjectBytes: options.largestObjectBytes ?? largestObjectBytes };
  const handlers: Record<string, Handler> = {
    ...buckets.handlers,
    ...readHandlers(objects),
    ...writeHandlers(write),
    ...listHandlers({ blobs }),
    ...multipartHandlers(write),
    ...versionHandlers(objects),
    ...taggingHandlers(objects),
    ...aclHandlers(objects),
    ...notificationHandlers({ buckets, clock, notifier }),
    ...corsHandlers(buckets),
    ...untouchedSettings(buckets),
  };

  /** Every operation on objects needs its bucket, and whoever names an owner means only that one's. */
  function guarded([name, handler]: [string, Handler]): [string, Handler] {
    if (name === "CreateBucket" || name === "ListBuckets") return [name, handler];
    const isHead = name.startsWith("Head");
    return [
      name,
      (input: { Bucket: string; ExpectedBucketOwner?: string }, call: Call) => {
        checkBucket(input, call, isHead);
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
    handlers: Object.fromEntries(Object.entries(handlers).map(guarded)),
    pages: {
      allow: (request) => allowPage(buckets.peek(request.bucket)?.corsRules, request),
      upload(form, call) {
        checkBucket({ Bucket: form.bucket }, call, false);
        return postObject({ ...write, clock }, form, call);
      },
    },
    objects: serviceObjects({ ...objects, clock }),
    close: () => notifier.close(),
  };
}
