import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  UpdateEndpointCommand,
} from "@aws-sdk/client-sagemaker";
import type { Clients } from "../clients.ts";
import { imageClassification, names, roleArn } from "./names.ts";

const pollEveryMs = 200;

export interface Deployment {
  endpointName: string;
  modelName: string;
  captureUri: string;
  isUpdate: boolean;
}

/**
 * Creates model and configuration under `modelName` and puts them behind the endpoint: created when it is new, swapped
 * under traffic when it is there. Every request and answer is captured.
 */
export async function deployModel(
  clients: Clients,
  request: { modelName: string; modelUri: string; endpointName: string; captureUri: string; workers: number },
  signal: AbortSignal,
): Promise<Deployment> {
  const { modelName, endpointName, captureUri } = request;
  await clients.sagemaker.send(
    new CreateModelCommand({
      ModelName: modelName,
      ExecutionRoleArn: roleArn(clients),
      PrimaryContainer: { Image: imageClassification, ModelDataUrl: request.modelUri },
    }),
  );
  await clients.sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: modelName,
      ProductionVariants: [
        {
          VariantName: names.variant,
          ModelName: modelName,
          InitialInstanceCount: request.workers,
          InstanceType: "ml.m5.xlarge",
          InitialVariantWeight: 1,
        },
      ],
      DataCaptureConfig: {
        EnableCapture: true,
        InitialSamplingPercentage: 100,
        DestinationS3Uri: captureUri,
        CaptureOptions: [{ CaptureMode: "Input" }, { CaptureMode: "Output" }],
        CaptureContentTypeHeader: { CsvContentTypes: ["text/csv"], JsonContentTypes: ["application/json"] },
      },
    }),
  );
  const isUpdate = await endpointExists(clients, endpointName);
  const change = { EndpointName: endpointName, EndpointConfigName: modelName };
  await (isUpdate
    ? clients.sagemaker.send(new UpdateEndpointCommand(change))
    : clients.sagemaker.send(new CreateEndpointCommand(change)));
  await untilInService(clients, endpointName, signal);
  return { endpointName, modelName, captureUri, isUpdate };
}

async function endpointExists(clients: Clients, endpointName: string): Promise<boolean> {
  try {
    await clients.sagemaker.send(new DescribeEndpointCommand({ EndpointName: endpointName }));
    return true;
  } catch (error) {
    // SageMaker has no modelled error for a missing endpoint: the message is all there is.
    if ((error as Error).message.startsWith("Could not find endpoint")) return false;
    throw error;
  }
}

async function untilInService(clients: Clients, endpointName: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const endpoint = await clients.sagemaker.send(new DescribeEndpointCommand({ EndpointName: endpointName }));
    if (endpoint.EndpointStatus === "InService" && endpoint.FailureReason === undefined) return;
    if (endpoint.FailureReason !== undefined)
      throw new Error(`endpoint ${endpointName} is ${endpoint.EndpointStatus}: ${endpoint.FailureReason}`);
    await sleep(pollEveryMs, undefined, { signal });
  }
}
