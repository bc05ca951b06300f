import type { Json } from "../../kit/json.ts";
import type { ServiceEvent } from "../../ports/events.ts";
import { ownerId } from "./buckets.ts";

export type ObjectEventName =
  | "ObjectCreated:Put"
  | "ObjectCreated:Post"
  | "ObjectCreated:Copy"
  | "ObjectCreated:CompleteMultipartUpload"
  | "ObjectRemoved:Delete"
  | "ObjectRemoved:DeleteMarkerCreated"
  | "ObjectTagging:Put"
  | "ObjectTagging:Delete"
  | "ObjectAcl:Put";

/** What happened to an object, as it is noted with the change itself. */
export interface ObjectEvent {
  /** Of the event; told again after a crash it is the same. */
  id: string;
  name: ObjectEventName;
  bucket: string;
  key: string;
  sizeBytes: number;
  /** Without quotes. */
  etag: string;
  /** Absent where the bucket keeps no versions. */
  version?: string | undefined;
  timeMs: number;
  /** Larger for what happened later to the same key. */
  sequencer: string;
  requestId: string;
  region: string;
  accountId: string;
  callerAddress: string;
}

/** The record that functions, queues and topics get, member by member as S3 writes it. */
export function eventRecord(event: ObjectEvent, configurationId: string): Json {
  const isRemoved = event.name.startsWith("ObjectRemoved:");
  const isTagging = event.name.startsWith("ObjectTagging:");
  return {
    // Tag events came later than the rest, with a version of their own.
    eventVersion: isTagging || event.name === "ObjectAcl:Put" ? "2.3" : "2.1",
    eventSource: "aws:s3",
    awsRegion: event.region,
    eventTime: new Date(event.timeMs).toISOString(),
    eventName: event.name,
    userIdentity: { principalId: `AWS:${event.accountId}` },
    requestParameters: { sourceIPAddress: event.callerAddress },
    responseElements: { "x-amz-request-id": event.requestId, "x-amz-id-2": event.requestId },
    s3: {
      s3SchemaVersion: "1.0",
      configurationId,
      bucket: {
        name: event.bucket,
        ownerIdentity: { principalId: ownerId(event.accountId) },
        arn: `arn:aws:s3:::${event.bucket}`,
      },
      object: {
        key: formEncode(event.key),
        ...(!isRemoved && { size: event.sizeBytes, eTag: event.etag }),
        ...(event.version !== undefined && { versionId: event.version }),
        ...(!isTagging && { sequencer: event.sequencer }),
      },
    },
  };
}

/** What a destination gets once, when it is configured. */
export function testMessage(about: { bucket: string; timeMs: number; requestId: string }): Json {
  return {
    Service: "Amazon S3",
    Event: "s3:TestEvent",
    Time: new Date(about.timeMs).toISOString(),
    Bucket: about.bucket,
    RequestId: about.requestId,
    HostId: about.requestId,
  };
}

const detailTypes: Record<ObjectEventName, { type: string; reason: string; deletion?: string }> = {
  "ObjectCreated:Put": { type: "Object Created", reason: "PutObject" },
  "ObjectCreated:Post": { type: "Object Created", reason: "POST Object" },
  "ObjectCreated:Copy": { type: "Object Created", reason: "CopyObject" },
  "ObjectCreated:CompleteMultipartUpload": { type: "Object Created", reason: "CompleteMultipartUpload" },
  "ObjectRemoved:Delete": { type: "Object Deleted", reason: "DeleteObject", deletion: "Permanently Deleted" },
  "ObjectRemoved:DeleteMarkerCreated": {
    type: "Object Deleted",
    reason: "DeleteObject",
    deletion: "Delete Marker Created",
  },
  "ObjectTagging:Put": { type: "Object Tags Added", reason: "PutObjectTagging" },
  "ObjectTagging:Delete": { type: "Object Tags Deleted", reason: "DeleteObjectTagging" },
  "ObjectAcl:Put": { type: "Object ACL Updated", reason: "PutObjectAcl" },
};

/** The same as EventBridge gets it: keys stand there as they are. */
export function bridgeEvent(event: ObjectEvent): ServiceEvent {
  const { type, reason, deletion } = detailTypes[event.name];
  const isDescribed = event.name.startsWith("ObjectCreated:");
  const isTold = type === "Object Created" || type === "Object Deleted";
  return {
    id: event.id,
    source: "aws.s3",
    detailType: type,
    timeMs: event.timeMs,
    resources: [`arn:aws:s3:::${event.bucket}`],
    detail: {
      version: "0",
      bucket: { name: event.bucket },
      object: {
        key: event.key,
        ...(isDescribed && { size: event.sizeBytes }),
        ...(deletion === undefined && { etag: event.etag }),
        ...(event.version !== undefined && { "version-id": event.version }),
        ...(isTold && { sequencer: event.sequencer }),
      },
      "request-id": event.requestId,
      requester: event.accountId,
      "source-ip-address": event.callerAddress,
      ...(isTold && { reason }),
      ...(deletion !== undefined && { "deletion-type": deletion }),
    },
  };
}

/** Keys stand in records as in the address of a form: blanks are plus signs, slashes stay. */
export function formEncode(key: string): string {
  return encodeURIComponent(key)
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%2F", "/")
    .replaceAll("%20", "+");
}
