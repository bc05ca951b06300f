import type {
  AsyncInferenceConfig,
  DataCaptureConfig,
  DeploymentConfig,
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
import type { Stage } from "./rollout.ts";

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
  pending?: PendingSnapshot;
  /** The most recent one that was given. */
  deployment?: DeploymentConfig;
}

/** All that is needed to bring the endpoint up, now and after a restart. */
export interface Snapshot {
  configName: string;
  variants: SnapshotVariant[];
  /** None or one. */
  shadows?: SnapshotVariant[];
  capture?: DataCaptureConfig;
  async?: AsyncInferenceConfig;
}

export interface PendingSnapshot extends Snapshot {
  startedMs: number;
  /** How its requests are moved; all at once by default. */
  deployment?: DeploymentConfig;
  stage: Stage & { sinceMs: number };
}

export interface SnapshotVariant {
  name: string;
  image: string;
  resolvedMs: number;
  weight: number;
  instanceCount: number;
  /** What weight and count are being changed to. */
  desired?: { weight: number; instanceCount: number };
  serverless?: ProductionVariant["ServerlessConfig"];
  scaling?: ProductionVariant["ManagedInstanceScaling"];
  routing?: ProductionVariant["RoutingConfig"];
  instanceType?: ProductionVariant["InstanceType"];
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
  const variantOf = (variant: ProductionVariant, folder: string): SnapshotVariant => {
    const { container } = findModel(resources, variant.ModelName as string, call);
    const seconds = variant.ContainerStartupHealthCheckTimeoutInSeconds;
    const scaling = variant.ManagedInstanceScaling;
    return {
      name: variant.VariantName as string,
      image: container.Image as string,
      resolvedMs: nowMs,
      weight: variant.InitialVariantWeight ?? 1,
      instanceCount: variant.InitialInstanceCount ?? scaling?.MinInstanceCount ?? 1,
      ...(variant.ServerlessConfig === undefined ? {} : { serverless: variant.ServerlessConfig }),
      ...(scaling === undefined ? {} : { scaling }),
      ...(variant.RoutingConfig === undefined ? {} : { routing: variant.RoutingConfig }),
      ...(variant.InstanceType === undefined ? {} : { instanceType: variant.InstanceType }),
      ...(seconds === undefined ? {} : { startupTimeoutMs: seconds * 1000 }),
      source: sourceOf(container, folder),
    };
  };
  const shadows = request.ShadowProductionVariants ?? [];
  return {
    configName,
    variants: (request.ProductionVariants ?? []).map((variant, i) => variantOf(variant, `${uuid}/${i}`)),
    ...(shadows.length === 0
      ? {}
      : { shadows: shadows.map((variant, i) => variantOf(variant, `${uuid}/shadow-${i}`)) }),
    ...(request.DataCaptureConfig === undefined ? {} : { capture: request.DataCaptureConfig }),
    ...(request.AsyncInferenceConfig === undefined ? {} : { async: request.AsyncInferenceConfig }),
  };
}

/** All of a snapshot's variants, those that answer and those that only listen. */
export function allVariants({ variants, shadows = [] }: Snapshot): SnapshotVariant[] {
  return [...variants, ...shadows];
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
