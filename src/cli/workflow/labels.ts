import { GetObjectCommand, NoSuchBucket, NoSuchKey } from "@aws-sdk/client-s3";
import { DescribeEndpointConfigCommand, DescribeModelCommand } from "@aws-sdk/client-sagemaker";
import type { Clients } from "../clients.ts";
import { requiredEndpoint } from "./required.ts";
import { parseS3Uri } from "./s3-uri.ts";

/**
 * Class names of the model behind an endpoint, in output order, from the `label_categories.json` that staging put beside
 * the models; empty when the model came from elsewhere.
 */
export async function endpointLabels(clients: Clients, endpointName: string): Promise<string[]> {
  const endpoint = await requiredEndpoint(clients, endpointName);
  const config = await clients.sagemaker.send(
    new DescribeEndpointConfigCommand({ EndpointConfigName: endpoint.EndpointConfigName }),
  );
  const model = await clients.sagemaker.send(
    new DescribeModelCommand({ ModelName: config.ProductionVariants?.[0]?.ModelName }),
  );
  const modelUri = model.PrimaryContainer?.ModelDataUrl;
  if (modelUri === undefined) return [];
  const { bucket, key } = parseS3Uri(modelUri);
  const [prefix] = key.split("/models/");
  return stagedLabels(clients, { bucket, prefix: prefix ?? "" });
}

/** Class names that staging wrote beside the lists. */
export async function stagedLabels(clients: Clients, place: { bucket: string; prefix: string }): Promise<string[]> {
  try {
    const object = await clients.s3.send(
      new GetObjectCommand({ Bucket: place.bucket, Key: `${place.prefix}/train/label_categories.json` }),
    );
    const categories = JSON.parse((await object.Body?.transformToString()) ?? "{}") as {
      key_mapping?: Record<string, string>;
    };
    return Object.entries(categories.key_mapping ?? {})
      .sort(([left], [right]) => Number(left) - Number(right))
      .map(([, name]) => name);
  } catch (error) {
    if (error instanceof NoSuchKey || error instanceof NoSuchBucket) return [];
    throw error;
  }
}
