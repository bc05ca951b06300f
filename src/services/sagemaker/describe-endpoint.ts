import type {
  DescribeEndpointOutput,
  PendingDeploymentSummary,
  PendingProductionVariantSummary,
  ProductionVariantSummary,
} from "@aws-sdk/client-sagemaker";
import type { PendingSnapshot, Snapshot, SnapshotVariant, StoredEndpoint } from "./stored-endpoint.ts";

/** `isFailingCaptures` is what the document does not know. */
export function describeEndpoint(
  endpoint: StoredEndpoint,
  { isFailingCaptures = false }: { isFailingCaptures?: boolean } = {},
): DescribeEndpointOutput {
  const { current, pending } = endpoint;
  const shown = current ?? pending;
  return {
    EndpointName: endpoint.name,
    EndpointArn: endpoint.arn,
    EndpointConfigName: shown?.configName,
    ...(current === undefined ? {} : { ProductionVariants: current.variants.map(describeVariant) }),
    ...(current?.shadows === undefined ? {} : { ShadowProductionVariants: current.shadows.map(describeVariant) }),
    ...describeCapture(shown, current !== undefined && !isFailingCaptures),
    EndpointStatus: endpoint.status,
    ...(endpoint.failureReason === undefined ? {} : { FailureReason: endpoint.failureReason }),
    CreationTime: new Date(endpoint.createdMs),
    LastModifiedTime: new Date(endpoint.modifiedMs),
    ...(endpoint.deployment === undefined ? {} : { LastDeploymentConfig: endpoint.deployment }),
    ...(shown?.async === undefined ? {} : { AsyncInferenceConfig: shown.async }),
    ...(pending === undefined || endpoint.status === "Failed"
      ? {}
      : { PendingDeploymentSummary: describePending(pending) }),
  };
}

function describeCapture(snapshot: Snapshot | undefined, isWriting: boolean) {
  const capture = snapshot?.capture;
  if (capture === undefined) return {};
  return {
    DataCaptureConfig: {
      EnableCapture: capture.EnableCapture ?? true,
      CaptureStatus: capture.EnableCapture === false || !isWriting ? ("Stopped" as const) : ("Started" as const),
      CurrentSamplingPercentage: capture.InitialSamplingPercentage,
      DestinationS3Uri: capture.DestinationS3Uri,
      KmsKeyId: capture.KmsKeyId ?? "",
    },
  };
}

function describeVariant(variant: SnapshotVariant): ProductionVariantSummary {
  const { desired } = variant;
  return {
    VariantName: variant.name,
    ...describeImage(variant),
    CurrentWeight: variant.weight,
    DesiredWeight: desired?.weight ?? variant.weight,
    ...(variant.serverless === undefined
      ? {
          CurrentInstanceCount: variant.instanceCount,
          DesiredInstanceCount: desired?.instanceCount ?? variant.instanceCount,
        }
      : { CurrentServerlessConfig: variant.serverless, DesiredServerlessConfig: variant.serverless }),
    ...describeSettings(variant),
  };
}

function describePending(pending: PendingSnapshot): PendingDeploymentSummary {
  const { stage } = pending;
  const one = (variant: SnapshotVariant): PendingProductionVariantSummary => ({
    VariantName: variant.name,
    ...describeImage(variant),
    CurrentWeight: variant.weight,
    DesiredWeight: variant.weight,
    ...(variant.serverless === undefined
      ? {
          CurrentInstanceCount: Math.ceil(stage.share * variant.instanceCount),
          DesiredInstanceCount: variant.instanceCount,
        }
      : { CurrentServerlessConfig: variant.serverless, DesiredServerlessConfig: variant.serverless }),
    ...(variant.instanceType === undefined ? {} : { InstanceType: variant.instanceType }),
    VariantStatus: [
      {
        Status: stage.status,
        ...(stage.message === undefined ? {} : { StatusMessage: stage.message }),
        StartTime: new Date(stage.sinceMs),
      },
    ],
    ...describeSettings(variant),
  });
  return {
    EndpointConfigName: pending.configName,
    ProductionVariants: pending.variants.map(one),
    ...(pending.shadows === undefined ? {} : { ShadowProductionVariants: pending.shadows.map(one) }),
    StartTime: new Date(pending.startedMs),
  };
}

function describeImage({ image, resolvedMs }: SnapshotVariant) {
  return {
    DeployedImages: [{ SpecifiedImage: image, ResolvedImage: image, ResolutionTime: new Date(resolvedMs) }],
  };
}

function describeSettings({ scaling, routing }: SnapshotVariant) {
  return {
    ...(scaling === undefined ? {} : { ManagedInstanceScaling: scaling }),
    ...(routing === undefined ? {} : { RoutingConfig: routing }),
  };
}
