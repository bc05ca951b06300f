import type { Blobs, CopyOptions, PutOptions } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Buckets } from "./buckets.ts";
import type { ObjectEventName } from "./event-records.ts";
import type { Notifier } from "./notify.ts";
import { newVersion } from "./versions.ts";

export interface ServiceObjectsOptions {
  blobs: Blobs;
  buckets: Buckets;
  notifier: Notifier;
  clock: Pick<Clock, "uuid">;
}

/**
 * The objects as other services write them (captures, artefacts): kept in versions and told of like those of any caller,
 * as on AWS, where these services are callers of S3 too.
 */
export function serviceObjects({ blobs, buckets, notifier, clock }: ServiceObjectsOptions): Blobs {
  function likeCallers<Options extends PutOptions>(name: ObjectEventName, key: string, options?: Options) {
    const { bucket, known, call } = callOn(key);
    if (known === undefined) return options;
    return { ...options, version: newVersion(known, clock), note: notifier.noteOf(name, { bucket, call }) };
  }

  function callOn(key: string) {
    const bucket = key.slice(0, key.indexOf("/"));
    const known = buckets.peek(bucket);
    const call = { requestId: clock.uuid(), region: known?.region ?? "", accountId: known?.accountId ?? "" };
    return { bucket, known, call };
  }

  async function told<Done>(work: Promise<Done>): Promise<Done> {
    const done = await work;
    notifier.wake();
    return done;
  }

  return {
    ...blobs,
    put: (key, body, options) => told(blobs.put(key, body, likeCallers("ObjectCreated:Put", key, options))),
    copy: (source, target, options?: CopyOptions) =>
      told(blobs.copy(source, target, likeCallers("ObjectCreated:Copy", target, options))),
    completeUpload: (key, uploadId, parts, options) =>
      told(
        blobs.completeUpload(key, uploadId, parts, likeCallers("ObjectCreated:CompleteMultipartUpload", key, options)),
      ),
    delete(key, options) {
      const { bucket, known, call } = callOn(key);
      if (known === undefined || options !== undefined) return blobs.delete(key, options);
      const marker = newVersion(known, clock);
      const name = marker === undefined ? "ObjectRemoved:Delete" : "ObjectRemoved:DeleteMarkerCreated";
      return told(blobs.delete(key, { marker, note: notifier.noteOf(name, { bucket, call }) }));
    },
  };
}
