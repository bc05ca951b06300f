import type { BlobInfo } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Events } from "../../ports/events.ts";
import type { Call } from "../../wire/service.ts";

export type AnnounceObject = (
  detailType: "Object Created" | "Object Deleted",
  object: BlobInfo,
  about: { reason: string; call: Call },
) => Promise<void>;

/** Tells that an object came or went, in the shape of S3's own events; every bucket announces, there is no switch for it. */
export function objectAnnouncer({ events, clock }: { events: Events | undefined; clock: Clock }): AnnounceObject {
  return async (detailType, object, { reason, call }) => {
    if (events === undefined) return;
    const slash = object.key.indexOf("/");
    const bucket = object.key.slice(0, slash);
    const isCreated = detailType === "Object Created";
    await events.announce({
      id: clock.uuid(),
      source: "aws.s3",
      detailType,
      timeMs: clock.now(),
      resources: [`arn:aws:s3:::${bucket}`],
      detail: {
        version: "0",
        bucket: { name: bucket },
        object: {
          key: object.key.slice(slash + 1),
          ...(isCreated && { size: object.sizeBytes, etag: object.etag.replaceAll('"', "") }),
          sequencer: Math.trunc(clock.now() * 1000)
            .toString(16)
            .toUpperCase()
            .padStart(18, "0"),
        },
        "request-id": call.requestId,
        requester: call.accountId,
        reason,
        ...(!isCreated && { "deletion-type": "Permanently Deleted" }),
      },
    });
  };
}
