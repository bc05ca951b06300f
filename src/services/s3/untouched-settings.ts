import { Fault } from "../../kit/fault.ts";
import type { Handler } from "../../wire/service.ts";
import type { Buckets } from "./buckets.ts";

type Answer = object | [code: string, message: string];

/** What S3 says of a bucket for which nobody has set these. Setting them is refused, since nothing would come of it. */
const settings: Record<string, Answer> = {
  GetBucketPolicy: ["NoSuchBucketPolicy", "The bucket policy does not exist"],
  GetBucketPolicyStatus: ["NoSuchBucketPolicy", "The bucket policy does not exist"],
  GetBucketLifecycleConfiguration: ["NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"],
  GetBucketWebsite: ["NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"],
  GetBucketReplication: ["ReplicationConfigurationNotFoundError", "The replication configuration was not found"],
  GetObjectLockConfiguration: [
    "ObjectLockConfigurationNotFoundError",
    "Object Lock configuration does not exist for this bucket",
  ],
  GetBucketEncryption: {
    ServerSideEncryptionConfiguration: {
      Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" }, BucketKeyEnabled: false }],
    },
  },
  GetBucketOwnershipControls: { OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] } },
  GetPublicAccessBlock: {
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true,
      IgnorePublicAcls: true,
      BlockPublicPolicy: true,
      RestrictPublicBuckets: true,
    },
  },
  GetBucketRequestPayment: { Payer: "BucketOwner" },
  GetBucketLogging: {},
  GetBucketAccelerateConfiguration: {},
};

export function untouchedSettings(buckets: Buckets): Record<string, Handler> {
  const handlers = Object.entries(settings).map(([operation, answer]): [string, Handler] => [
    operation,
    ({ Bucket }: { Bucket: string }) => {
      buckets.find(Bucket);
      if (!Array.isArray(answer)) return answer;
      const [code, message] = answer as [string, string];
      throw new Fault(code, message, { status: 404, members: { BucketName: Bucket } });
    },
  ]);
  return Object.fromEntries(handlers);
}
