import type { Clients } from "../clients.ts";

/** What the workflow's parts are called unless the user says otherwise. */
export const names = {
  prefix: "scones-unlimited",
  endpoint: "scones-unlimited",
  variant: "AllTraffic",
  functions: {
    serialize: "serialize-image-data",
    classify: "classify-image",
    filter: "filter-low-confidence",
  },
  chain: "SconesUnlimited",
  fanOut: "SconesUnlimitedFanOut",
  topic: "scones-unlimited-alerts",
  queue: "scones-unlimited-alerts",
  rule: "scones-unlimited-failures",
  role: "scones-unlimited",
} as const;

/** The confidence that an image must reach: the value the Scones Unlimited project uses most. */
export const defaultThreshold = 0.93;

export function defaultBucket(clients: Pick<Clients, "region" | "accountId">): string {
  return `sagemaker-${clients.region}-${clients.accountId}`;
}

export function roleArn(clients: Pick<Clients, "accountId">): string {
  return `arn:aws:iam::${clients.accountId}:role/${names.role}`;
}

export function stateMachineArn(clients: Pick<Clients, "region" | "accountId">, name: string): string {
  return `arn:aws:states:${clients.region}:${clients.accountId}:stateMachine:${name}`;
}

/** The built-in algorithm's image as `image_uris.retrieve("image-classification", region)` names it in us-east-1. */
export const imageClassification = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1";
