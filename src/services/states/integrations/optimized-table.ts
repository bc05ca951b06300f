import type { Json } from "../../../kit/json.ts";

/** How one optimized integration differs from the others. */
export interface Optimized {
  /** The model's name. */
  model: string;
  operation: string;
  /** Error names begin with it; `Service:` in their text. */
  errorPrefix: string;
  serviceText: string;
  suffixes: readonly string[];
  /** Members that take JSON and are sent as its text. */
  textMembers?: readonly string[];
  /** events:putEvents alone answers without it. */
  hasMetadata: boolean;
  contentType: string;
  /** For `sync`: what to ask until it is over, and what to call when it is given up. */
  poll?: {
    operation: string;
    stop: string;
    member: string;
    status: string;
    over: readonly string[];
    good: readonly string[];
  };
}

const sagemaker = {
  model: "sagemaker",
  errorPrefix: "SageMaker",
  serviceText: "AmazonSageMaker",
  hasMetadata: true,
  contentType: "application/x-amz-json-1.1",
};

function job(kind: string): Optimized {
  return {
    ...sagemaker,
    operation: `Create${kind}`,
    suffixes: ["", "sync"],
    poll: {
      operation: `Describe${kind}`,
      stop: `Stop${kind}`,
      member: `${kind}Name`,
      status: `${kind}Status`,
      over: ["Completed", "Failed", "Stopped"],
      good: ["Completed"],
    },
  };
}

const plain = (operation: string): Optimized => ({ ...sagemaker, operation, suffixes: [""] });

/** By `service:operation` of the resource. `lambda:invoke` and `states:startExecution` are handled apart. */
export const optimized: Readonly<Record<string, Optimized>> = {
  "sns:publish": {
    model: "sns",
    operation: "Publish",
    errorPrefix: "SNS",
    serviceText: "AmazonSNS",
    suffixes: ["", "waitForTaskToken"],
    textMembers: ["Message"],
    hasMetadata: true,
    contentType: "text/xml",
  },
  "sqs:sendMessage": {
    model: "sqs",
    operation: "SendMessage",
    errorPrefix: "SQS",
    serviceText: "AmazonSQS",
    suffixes: ["", "waitForTaskToken"],
    textMembers: ["MessageBody"],
    hasMetadata: true,
    contentType: "application/x-amz-json-1.0",
  },
  "events:putEvents": {
    model: "events",
    operation: "PutEvents",
    errorPrefix: "EventBridge",
    serviceText: "AmazonEventBridge",
    suffixes: ["", "waitForTaskToken"],
    textMembers: ["Detail"],
    hasMetadata: false,
    contentType: "application/x-amz-json-1.1",
  },
  "sagemaker:createTrainingJob": job("TrainingJob"),
  "sagemaker:createTransformJob": job("TransformJob"),
  "sagemaker:createProcessingJob": job("ProcessingJob"),
  "sagemaker:createHyperParameterTuningJob": job("HyperParameterTuningJob"),
  "sagemaker:createModel": plain("CreateModel"),
  "sagemaker:createEndpointConfig": plain("CreateEndpointConfig"),
  "sagemaker:createEndpoint": plain("CreateEndpoint"),
  "sagemaker:updateEndpoint": plain("UpdateEndpoint"),
};

/** Gives the members that take text their JSON as text, also inside lists (`Entries[].Detail`). */
export function withTextMembers(parameters: Json, names: readonly string[] = []): Json {
  if (Array.isArray(parameters)) return parameters.map((item) => withTextMembers(item, names));
  if (parameters === null || typeof parameters !== "object") return parameters;
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => {
      if (names.includes(name) && typeof value !== "string") return [name, JSON.stringify(value)];
      return [name, Array.isArray(value) ? withTextMembers(value, names) : value];
    }),
  );
}
