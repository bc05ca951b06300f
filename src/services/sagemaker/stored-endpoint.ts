import type {
  DataCaptureConfig,
  DeploymentConfig,
  DescribeEndpointOutput,
  EndpointStatus,
  ProductionVariant,
} from "@aws-sdk/client-sagemaker";
import type { Resources } from "../../ports/resources.ts";
import type { CaptureSettings } from "../../serve/capture.ts";
import type { Call } from "../../wire/service.ts";
import { findEndpointConfig } from "./endpoint-configs.ts";
import { type ModelSource, sourceOf } from "./model-source.ts";
import { findModel } from "./models.ts";
import { parseS3Uri } from "./resource-names.ts";

/** An endpoint as it is kept. It goes on with what it was created from, whatever becomes of its config and its models. */
export interface StoredEndpoint {
  name: string;
  arn: string;
  region: string;
  accountId: string;
  status: EndpointStatus;
  failureReason?: string;
  createdMs: number;
  modifiedMs: number;
  /** What answers now. */
  current?: Snapshot;
  /** What is being brought up. */
  pending?: Snapshot;
  deployment?: DeploymentConfig;
}

/** All that is needed to bring the endpoint up, now and after a restart. */
export interface Snapshot {
  configName: string;
  variants: SnapshotVariant[];
  capture?: DataCaptureConfig;
}

interface SnapshotVariant {
  name: string;
  image: string;
  resolvedMs: number;
  weight: number;
  instanceCount: number;
  serverless?: ProductionVariant["ServerlessConfig"];
  startupTimeoutMs?: number;
  source: ModelSource;
}

/** Puts together what a config names; folders are fresh, below the service's own. */
export function snapshotOf(
  resources: Resources,
  configName: string,
  { call, nowMs, uuid }: { call: Call; nowMs: number; uuid: string },
): Snapshot {
  const { request } = findEndpointConfig(resources, configName, call);
  const variants = (request.ProductionVariants ?? []).map((variant, i): SnapshotVariant => {
    const { container } = findModel(resources, variant.ModelName as string, call);
    const seconds = variant.ContainerStartupHealthCheckTimeoutInSeconds;
    return {
      name: variant.VariantName as string,
      image: container.Image as string,
      resolvedMs: nowMs,
      weight: variant.InitialVariantWeight ?? 1,
      instanceCount: variant.InitialInstanceCount ?? 1,
      ...(variant.ServerlessConfig === undefined ? {} : { serverless: variant.ServerlessConfig }),
      ...(seconds === undefined ? {} : { startupTimeoutMs: seconds * 1000 }),
      source: sourceOf(container, `${uuid}/${i}`),
    };
  });
  return {
    configName,
    variants,
    ...(request.DataCaptureConfig === undefined ? {} : { capture: request.DataCaptureConfig }),
  };
}

/** The capture part of a config in the words of the model server; `undefined` when nothing is captured. */
export function captureSettingsOf(config: DataCaptureConfig | undefined): CaptureSettings | undefined {
  if (config === undefined || config.EnableCapture === false) return undefined;
  const { bucket, key } = parseS3Uri(config.DestinationS3Uri as string);
  const modes = (config.CaptureOptions ?? []).map(({ CaptureMode }) => CaptureMode);
  return {
    destination: `${bucket}/${key}`.replace(/\/+$/, ""),
    samplingPercentage: config.InitialSamplingPercentage as number,
    capturesInput: modes.includes("Input") || modes.includes("InputAndOutput"),
    capturesOutput: modes.includes("Output") || modes.includes("InputAndOutput"),
    csvContentTypes: config.CaptureContentTypeHeader?.CsvContentTypes ?? [],
    jsonContentTypes: config.CaptureContentTypeHeader?.JsonContentTypes ?? [],
  };
}

export function describeEndpoint(endpoint: StoredEndpoint): DescribeEndpointOutput {
  const shown = endpoint.current ?? endpoint.pending;
  const capture = shown?.capture;
  return {
    EndpointName: endpoint.name,
    EndpointArn: endpoint.arn,
    EndpointConfigName: shown?.configName,
    ...(endpoint.current === undefined ? {} : { ProductionVariants: endpoint.current.variants.map(describeVariant) }),
    ...(capture === undefined
      ? {}
      : {
          DataCaptureConfig: {
            EnableCapture: capture.EnableCapture ?? true,
            CaptureStatus: capture.EnableCapture === false || endpoint.current === undefined ? "Stopped" : "Started",
            CurrentSamplingPercentage: capture.InitialSamplingPercentage,
            DestinationS3Uri: capture.DestinationS3Uri,
            KmsKeyId: capture.KmsKeyId ?? "",
          },
        }),
    EndpointStatus: endpoint.status,
    ...(endpoint.failureReason === undefined ? {} : { FailureReason: endpoint.failureReason }),
    CreationTime: new Date(endpoint.createdMs),
    LastModifiedTime: new Date(endpoint.modifiedMs),
    ...(endpoint.deployment === undefined ? {} : { LastDeploymentConfig: endpoint.deployment }),
  };
}

function describeVariant(variant: SnapshotVariant) {
  return {
    VariantName: variant.name,
    DeployedImages: [
      { SpecifiedImage: variant.image, ResolvedImage: variant.image, ResolutionTime: new Date(variant.resolvedMs) },
    ],
    CurrentWeight: variant.weight,
    DesiredWeight: variant.weight,
    ...(variant.serverless === undefined
      ? { CurrentInstanceCount: variant.instanceCount, DesiredInstanceCount: variant.instanceCount }
      : { CurrentServerlessConfig: variant.serverless, DesiredServerlessConfig: variant.serverless }),
  };
}
