import type {
  ContainerDefinition,
  CreateModelPackageInput,
  DescribeModelPackageOutput,
  ModelApprovalStatus,
  ModelPackageContainerDefinition,
  ModelPackageSummary,
} from "@aws-sdk/client-sagemaker";
import type { Resources } from "../../../ports/resources.ts";
import type { Call } from "../../../wire/service.ts";
import { arnOf, invalid, kindOf, notSupported } from "../resource-names.ts";

/** A model package as it is kept: a model that can be made into endpoints, and what people decided about it. */
export interface StoredModelPackage {
  /** Its own, or `GROUP/VERSION`. */
  name: string;
  arn: string;
  group?: { name: string; version: number };
  request: Omit<CreateModelPackageInput, "Tags" | "ClientToken">;
  /** Of a version in a group. */
  approval?: ModelApprovalStatus;
  approvalDescription?: string;
  createdMs: number;
  modifiedMs: number;
}

export const packageKind = kindOf("model-package");

export function packageArn(name: string, call: Pick<Call, "region" | "accountId">): string {
  return arnOf("model-package", name, call);
}

/** By name, by `GROUP/VERSION` or by the whole address. */
export function findModelPackage(
  resources: Resources,
  nameOrArn: string,
  call: Pick<Call, "region" | "accountId">,
): StoredModelPackage {
  const name = nameOrArn.replace(/^arn:[^/]*\//, "");
  const found = resources.get<StoredModelPackage>(packageKind, name)?.value;
  if (found === undefined) throw invalid(`ModelPackage ${packageArn(name, call)} does not exist.`);
  return found;
}

/** What a model that names a package runs: the package's container, with the model's own environment on top. */
export function containerOfPackage(
  { ModelPackageName, Environment, Image, ModelDataUrl }: ContainerDefinition,
  resources: Resources,
  call: Call,
): ContainerDefinition {
  if (Image !== undefined || ModelDataUrl !== undefined) {
    throw invalid("A container that names a ModelPackageName has its Image and ModelDataUrl from there.");
  }
  const { arn, approval, request } = findModelPackage(resources, ModelPackageName as string, call);
  if (approval !== undefined && approval !== "Approved") {
    throw invalid(
      `ModelPackage ${arn} is ${approval}; approve it first (UpdateModelPackage with ModelApprovalStatus Approved).`,
    );
  }
  const containers = request.InferenceSpecification?.Containers ?? [];
  const [container] = containers as ModelPackageContainerDefinition[];
  if (container === undefined) throw invalid(`ModelPackage ${arn} has no InferenceSpecification to run.`);
  if (containers.length > 1) throw notSupported("A model package of several containers");
  const { Image: image, ModelDataUrl: data, ModelDataSource, Environment: environment } = container;
  return {
    ...(image && { Image: image }),
    ...(data && { ModelDataUrl: data }),
    ...(ModelDataSource && { ModelDataSource }),
    Environment: { ...environment, ...Environment },
  };
}

export function summarizePackage(stored: StoredModelPackage): ModelPackageSummary {
  const { name, group, arn, approval, createdMs, request } = stored;
  return {
    ...(group === undefined ? { ModelPackageName: name } : versionOf(group)),
    ModelPackageArn: arn,
    ModelPackageStatus: "Completed", // nothing has to be scanned or validated first
    CreationTime: new Date(createdMs),
    ...(approval === undefined ? {} : { ModelApprovalStatus: approval }),
    ...(request.ModelPackageDescription && { ModelPackageDescription: request.ModelPackageDescription }),
  };
}

export function describePackage(stored: StoredModelPackage): DescribeModelPackageOutput {
  const { name, group, request, approvalDescription, modifiedMs } = stored;
  return {
    ...request,
    ...summarizePackage(stored),
    ModelPackageName: group?.name ?? name,
    ModelPackageStatusDetails: { ValidationStatuses: [], ImageScanStatuses: [] },
    CertifyForMarketplace: request.CertifyForMarketplace ?? false,
    ...(approvalDescription === undefined ? {} : { ApprovalDescription: approvalDescription }),
    LastModifiedTime: new Date(modifiedMs),
  } as DescribeModelPackageOutput;
}

function versionOf({ name, version }: { name: string; version: number }) {
  return { ModelPackageGroupName: name, ModelPackageVersion: version };
}
