import type {
  CORSRule,
  CreateBucketCommandInput,
  DeleteBucketCommandInput,
  HeadBucketCommandInput,
  ListBucketsCommandInput,
} from "@aws-sdk/client-s3";
import { Fault } from "../../kit/fault.ts";
import type { Blobs } from "../../ports/blobs.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { headNotFound, invalidArgument, noSuchBucket } from "./faults.ts";
import type { Notifications } from "./notification-configuration.ts";

const kind = "s3:bucket";

export interface Bucket {
  region: string;
  accountId: string;
  /** Absent for one that never kept versions. */
  versioning?: "Enabled" | "Suspended";
  tags?: { Key: string; Value: string }[];
  notifications?: Notifications;
  corsRules?: CORSRule[];
}

export type Buckets = ReturnType<typeof bucketResource>;

/** Every request needs its bucket, and this process alone writes them: so many are remembered. */
const mostRemembered = 1000;

/** The region whose buckets have no location constraint, and where making one's own bucket again succeeds: as S3 has it. */
const firstRegion = "us-east-1";

export function bucketResource({ blobs, resources }: { blobs: Blobs; resources: Resources }) {
  const remembered = new Map<string, Bucket>();

  function peek(name: string): Bucket | undefined {
    const known = remembered.get(name);
    if (known !== undefined) return known;
    const bucket = resources.get<Bucket>(kind, name)?.value;
    if (bucket === undefined) return undefined;
    if (remembered.size >= mostRemembered) remembered.clear();
    remembered.set(name, bucket);
    return bucket;
  }

  function find(name: string): Bucket {
    const bucket = peek(name);
    if (bucket === undefined) throw noSuchBucket(name);
    return bucket;
  }

  function change(name: string, members: { [Name in keyof Bucket]?: Bucket[Name] | undefined }): void {
    // Members that are undefined are left out of the stored document.
    const changed = resources.update<Bucket>(kind, name, (bucket) => ({ ...bucket, ...members }) as Bucket);
    remembered.delete(name);
    if (changed === undefined) throw noSuchBucket(name);
  }

  const handlers: Record<string, Handler> = {
    CreateBucket(input: CreateBucketCommandInput, call: Call) {
      const name = checkName(input.Bucket);
      const region = regionFor(input.CreateBucketConfiguration?.LocationConstraint, call);
      const isNew = resources.create<Bucket>(kind, name, { region, accountId: call.accountId });
      if (!isNew && (region !== firstRegion || find(name).region !== firstRegion)) {
        throw new Fault(
          "BucketAlreadyOwnedByYou",
          "Your previous request to create the named bucket succeeded and you already own it.",
          { status: 409, members: { BucketName: name } },
        );
      }
      return { Location: region === firstRegion ? `/${name}` : `${call.baseUrl}/${name}/` };
    },

    HeadBucket(input: HeadBucketCommandInput) {
      const bucket = peek(input.Bucket as string);
      if (bucket === undefined) throw headNotFound();
      return { BucketRegion: bucket.region, AccessPointAlias: false };
    },

    GetBucketLocation(input: { Bucket: string }) {
      const { region } = find(input.Bucket);
      return { LocationConstraint: region === firstRegion ? undefined : region };
    },

    ListBuckets(input: ListBucketsCommandInput, call: Call) {
      const limit = input.MaxBuckets ?? 10_000;
      const options = { prefix: input.Prefix ?? "", after: input.ContinuationToken, limit: limit + 1 };
      const found = resources.list<Bucket>(kind, options);
      const page = found.slice(0, limit);
      return {
        Buckets: page.map((bucket) => ({
          Name: bucket.id,
          CreationDate: new Date(bucket.createdMs),
          BucketRegion: bucket.value.region,
        })),
        Owner: { ID: ownerId(call.accountId) },
        Prefix: input.Prefix,
        ContinuationToken: found.length > limit ? page.at(-1)?.id : undefined,
      };
    },

    async DeleteBucket(input: DeleteBucketCommandInput) {
      const name = input.Bucket as string;
      find(name);
      const { versions } = await blobs.listVersions({ prefix: `${name}/`, maxKeys: 1 });
      if (versions.length > 0) {
        const advice = find(name).versioning ? ". You must delete all versions in the bucket." : "";
        throw new Fault("BucketNotEmpty", `The bucket you tried to delete is not empty${advice}`, {
          status: 409,
          members: { BucketName: name },
        });
      }
      for (const upload of await blobs.listUploads(`${name}/`)) await blobs.abortUpload(upload.key, upload.uploadId);
      resources.delete(kind, name);
      remembered.delete(name);
      return {};
    },
  };
  return { handlers, find, peek, change };
}

/** A stable identifier in the form of S3's canonical user ids. */
export function ownerId(accountId: string): string {
  return accountId.padStart(64, "0");
}

function checkName(name: string | undefined): string {
  const isValid =
    name !== undefined &&
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !/\.\.|\.-|-\./.test(name) &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name) &&
    !/^(xn--|sthree-|amzn-s3-demo-)/.test(name) &&
    !/(-s3alias|--ol-s3|\.mrap|--x-s3)$/.test(name);
  if (!isValid) {
    throw new Fault(
      "InvalidBucketName",
      `The specified bucket is not valid: "${name}" (3 to 63 lower-case letters, digits, dots and hyphens)`,
      { members: { BucketName: name } },
    );
  }
  return name;
}

/** Names from before there were regions; s3cmd still signs with them. */
const olderNames: Readonly<Record<string, string>> = { US: firstRegion, EU: "eu-west-1" };

function regionFor(constraint: string | undefined, call: Call): string {
  const called = olderNames[call.region] ?? call.region;
  if (constraint === undefined) {
    if (called === firstRegion) return firstRegion;
    throw new Fault(
      "IllegalLocationConstraintException",
      `The unspecified location constraint is incompatible for the region specific endpoint this request was sent to: give CreateBucketConfiguration.LocationConstraint "${called}".`,
    );
  }
  if (constraint === firstRegion) {
    throw invalidLocation(constraint);
  }
  const region = olderNames[constraint] ?? constraint;
  if (called !== firstRegion && called !== region) {
    throw new Fault(
      "IllegalLocationConstraintException",
      `The ${constraint} location constraint is incompatible for the region specific endpoint this request was sent to.`,
    );
  }
  if (constraint === "US" || !/^[a-z]{2}(-[a-z]+)+-\d$/.test(region)) throw invalidLocation(constraint);
  return region;
}

function invalidLocation(constraint: string): Fault {
  return new Fault("InvalidLocationConstraint", "The specified location-constraint is not valid", {
    members: { LocationConstraint: constraint },
  });
}

/** How many a caller asked for, within S3's bounds. */
export function pageSize(asked: number | undefined, name: string, largest = 1000): number {
  if (asked === undefined) return largest;
  if (!Number.isInteger(asked) || asked < 0) {
    throw invalidArgument(`Argument ${name} must be an integer between 0 and 2147483647`, name, asked);
  }
  return Math.min(asked, largest);
}
