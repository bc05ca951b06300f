import type { PutObjectAclCommandInput } from "@aws-sdk/client-s3";
import { Fault } from "../../kit/fault.ts";
import type { Blobs } from "../../ports/blobs.ts";
import type { Handler } from "../../wire/service.ts";
import { type Buckets, ownerId } from "./buckets.ts";
import { noSuchKey } from "./faults.ts";
import type { Notifier } from "./notify.ts";
import { checkVersionId } from "./versions.ts";

export interface AclOptions {
  blobs: Blobs;
  buckets: Buckets;
  notifier: Notifier;
}

interface ObjectInput {
  Bucket: string;
  Key: string;
  VersionId?: string;
}

/**
 * Every bucket enforces its owner, as AWS's have by default: lists can be read and say that the owner may do everything;
 * only a list that says just that can be put.
 */
export function aclHandlers({ blobs, buckets, notifier }: AclOptions): Record<string, Handler> {
  const ownersList = (bucket: string) => {
    const ID = ownerId(buckets.find(bucket).accountId);
    return { Owner: { ID }, Grants: [{ Grantee: { Type: "CanonicalUser", ID }, Permission: "FULL_CONTROL" }] };
  };

  async function mustExist(input: ObjectInput): Promise<void> {
    checkVersionId(input.VersionId);
    const blob = await blobs.head(`${input.Bucket}/${input.Key}`, { version: input.VersionId });
    if (blob === undefined || blob.isMarker) throw noSuchKey(input.Key);
  }

  return {
    GetBucketAcl: (input: { Bucket: string }) => ownersList(input.Bucket),

    async GetObjectAcl(input: ObjectInput) {
      await mustExist(input);
      return ownersList(input.Bucket);
    },

    async PutObjectAcl(input: PutObjectAclCommandInput, call) {
      checkCannedAcl(input.ACL);
      const owner = ownerId(buckets.find(input.Bucket as string).accountId);
      const grants = input.AccessControlPolicy?.Grants ?? [];
      const isOwnersOnly = grants.every(
        ({ Grantee, Permission }) => Grantee?.ID === owner && Permission === "FULL_CONTROL",
      );
      const { GrantFullControl, GrantRead, GrantReadACP, GrantWrite, GrantWriteACP } = input;
      const granted = [GrantFullControl, GrantRead, GrantReadACP, GrantWrite, GrantWriteACP];
      if (!isOwnersOnly || granted.some((header) => header !== undefined)) throw noAcls();
      await mustExist(input as ObjectInput);
      const note = notifier.noteOf("ObjectAcl:Put", { bucket: input.Bucket as string, call });
      const at = { version: input.VersionId, note };
      await blobs.changeHeaders(`${input.Bucket}/${input.Key}`, (headers) => ({ ...headers }), at);
      notifier.wake();
      return {};
    },
  };
}

export function checkCannedAcl(acl: string | undefined): void {
  if (acl !== undefined && acl !== "private" && acl !== "bucket-owner-full-control") throw noAcls();
}

function noAcls(): Fault {
  return new Fault("AccessControlListNotSupported", "The bucket does not allow ACLs");
}
