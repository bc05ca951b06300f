import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { LambdaClient } from "@aws-sdk/client-lambda";
import { S3Client } from "@aws-sdk/client-s3";
import { SageMakerClient } from "@aws-sdk/client-sagemaker";
import { SageMakerRuntimeClient } from "@aws-sdk/client-sagemaker-runtime";
import { SFNClient } from "@aws-sdk/client-sfn";
import { SNSClient } from "@aws-sdk/client-sns";
import { SQSClient } from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { clientConfig } from "../config.ts";
import type { Invocation } from "./command.ts";
import { textOption, UsageError } from "./command.ts";

/** The AWS clients the command line speaks through, and the account they speak for. */
export interface Clients {
  endpointUrl: string;
  region: string;
  accountId: string;
  s3: S3Client;
  sfn: SFNClient;
  sagemaker: SageMakerClient;
  runtime: SageMakerRuntimeClient;
  lambda: LambdaClient;
  logs: CloudWatchLogsClient;
  sns: SNSClient;
  sqs: SQSClient;
  events: EventBridgeClient;
  close(): void;
}

/** Connects to the address of `--endpoint`; fails at once when nothing answers there. */
export async function connect(invocation: Pick<Invocation, "options">): Promise<Clients> {
  return connectTo(textOption(invocation, "endpoint"));
}

export async function connectTo(endpointUrl?: string): Promise<Clients> {
  const config = clientConfig(endpointUrl === undefined ? {} : { endpointUrl });
  if (!/^https?:\/\/[^/]/.test(config.endpointUrl) || !URL.canParse(config.endpointUrl))
    throw new UsageError(`--endpoint must be an address such as http://127.0.0.1:4566, not "${config.endpointUrl}"`);
  const shared = {
    endpoint: config.endpointUrl,
    region: config.region,
    credentials: config.credentials,
    maxAttempts: 3,
  };
  const sts = new STSClient(shared);
  const identity = await sts.send(new GetCallerIdentityCommand({})).finally(() => sts.destroy());
  const clients = {
    s3: new S3Client({ ...shared, forcePathStyle: true }),
    sfn: new SFNClient(shared),
    sagemaker: new SageMakerClient(shared),
    runtime: new SageMakerRuntimeClient(shared),
    lambda: new LambdaClient(shared),
    logs: new CloudWatchLogsClient(shared),
    sns: new SNSClient(shared),
    sqs: new SQSClient(shared),
    events: new EventBridgeClient(shared),
  };
  return {
    ...clients,
    endpointUrl: config.endpointUrl,
    region: config.region,
    accountId: identity.Account ?? "",
    close: () => Object.values(clients).forEach((client) => void client.destroy()),
  };
}
