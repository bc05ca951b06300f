import type {
  CreateModelPackageInput,
  CreateModelPackageOutput,
  DescribeModelPackageOutput,
  ListModelPackagesInput,
  ListModelPackagesOutput,
  UpdateModelPackageInput,
  UpdateModelPackageOutput,
} from "@aws-sdk/client-sagemaker";
import type { Clock } from "../../../ports/clock.ts";
import type { Resources } from "../../../ports/resources.ts";
import type { Call, Handler } from "../../../wire/service.ts";
import { type ListInput, listPage } from "../list-page.ts";
import { invalid, notSupported } from "../resource-names.ts";
import { addTags, forgetTags } from "../tags.ts";
import {
  describePackage,
  findModelPackage,
  packageArn,
  packageKind,
  type StoredModelPackage,
  summarizePackage,
} from "./model-package.ts";
import {
  findGroup,
  groupKind,
  modelPackageGroupHandlers,
  type StoredModelPackageGroup,
} from "./model-package-groups.ts";

export interface ModelRegistryOptions {
  resources: Resources;
  clock: Clock;
  /** Told of a new package, and of every decision about one. */
  onChange: (stored: StoredModelPackage) => void;
}

/** Model packages and their groups: a register of models, their versions and what people decided about them. */
export function modelRegistryHandlers(options: ModelRegistryOptions): Record<string, Handler> {
  const { resources, clock, onChange } = options;
  return {
    ...modelPackageGroupHandlers(resources, clock),
    CreateModelPackage: (input: CreateModelPackageInput, call: Call): CreateModelPackageOutput => {
      const stored = createPackage(options, input, call);
      onChange(stored);
      return { ModelPackageArn: stored.arn };
    },
    DescribeModelPackage: (
      { ModelPackageName }: { ModelPackageName: string },
      call: Call,
    ): DescribeModelPackageOutput => describePackage(findModelPackage(resources, ModelPackageName, call)),
    ListModelPackages: (input: ListModelPackagesInput, call: Call): ListModelPackagesOutput => {
      const group = input.ModelPackageGroupName && findGroup(resources, input.ModelPackageGroupName, call).name;
      const all = resources
        .list<StoredModelPackage>(packageKind)
        .map(({ value }) => value)
        .filter((stored) => isOfType(stored, group, input.ModelPackageType))
        .filter(({ approval }) => input.ModelApprovalStatus === undefined || approval === input.ModelApprovalStatus);
      const { page, NextToken } = listPage(all, input as ListInput, "Ascending");
      return {
        ModelPackageSummaryList: page.map(summarizePackage),
        ...(NextToken === undefined ? {} : { NextToken }),
      };
    },
    UpdateModelPackage: (input: UpdateModelPackageInput, call: Call): UpdateModelPackageOutput => {
      const { name, arn } = findModelPackage(resources, input.ModelPackageArn as string, call);
      const modifiedMs = clock.now();
      const changed = resources.update<StoredModelPackage>(packageKind, name, (stored) => ({
        ...updated(stored, input),
        modifiedMs,
      }));
      if (changed !== undefined) onChange(changed.value);
      return { ModelPackageArn: arn };
    },
    /** Models that were made of it stay. */
    DeleteModelPackage: ({ ModelPackageName }: { ModelPackageName: string }, call: Call): object => {
      const { name, arn } = findModelPackage(resources, ModelPackageName, call);
      resources.delete(packageKind, name);
      forgetTags(resources, arn);
      return {};
    },
  };
}

function createPackage(
  { resources, clock }: ModelRegistryOptions,
  { Tags, ClientToken: _token, ...request }: CreateModelPackageInput,
  call: Call,
): StoredModelPackage {
  const { ModelPackageName, ModelPackageGroupName, ModelApprovalStatus } = request;
  if ((ModelPackageName === undefined) === (ModelPackageGroupName === undefined)) {
    throw invalid("Give either a ModelPackageName or a ModelPackageGroupName.");
  }
  if (request.SourceAlgorithmSpecification !== undefined) throw notSupported("SourceAlgorithmSpecification");
  if (request.ValidationSpecification !== undefined) throw notSupported("ValidationSpecification");
  if (request.InferenceSpecification === undefined && request.SourceUri === undefined) {
    throw invalid("A model package needs an InferenceSpecification or a SourceUri.");
  }
  const nowMs = clock.now();
  const common = { request, createdMs: nowMs, modifiedMs: nowMs };
  return resources.transaction(() => {
    const stored =
      ModelPackageGroupName === undefined
        ? { ...common, name: ModelPackageName as string }
        : {
            ...common,
            ...nextVersion(resources, findGroup(resources, ModelPackageGroupName, call)),
            approval: ModelApprovalStatus ?? ("PendingManualApproval" as const),
          };
    const kept: StoredModelPackage = { ...stored, arn: packageArn(stored.name, call) };
    if (!resources.create(packageKind, kept.name, kept)) throw invalid(`ModelPackage ${kept.arn} already exists.`);
    addTags(resources, kept.arn, Tags ?? []);
    return kept;
  });
}

function nextVersion(
  resources: Resources,
  group: StoredModelPackageGroup,
): Pick<StoredModelPackage, "name"> & Required<Pick<StoredModelPackage, "group">> {
  const version = group.lastVersion + 1;
  resources.put(groupKind, group.name, { ...group, lastVersion: version });
  return { name: `${group.name}/${version}`, group: { name: group.name, version } };
}

/** As AWS lists them: those of a group, else those without one unless versions are asked for. */
function isOfType(stored: StoredModelPackage, group: string | undefined, type: string | undefined): boolean {
  if (group !== undefined) return stored.group?.name === group;
  if (type === "Both") return true;
  return (stored.group !== undefined) === (type === "Versioned");
}

function updated(stored: StoredModelPackage, input: UpdateModelPackageInput): StoredModelPackage {
  const { request, group } = stored;
  const { ModelApprovalStatus, ApprovalDescription, InferenceSpecification, SourceUri } = input;
  if (ModelApprovalStatus !== undefined && group === undefined) {
    throw invalid(`ModelPackage ${stored.arn} is in no group, and only versions are approved.`);
  }
  const properties = new Map(
    Object.entries({ ...request.CustomerMetadataProperties, ...input.CustomerMetadataProperties }),
  );
  for (const name of input.CustomerMetadataPropertiesToRemove ?? []) properties.delete(name);
  const specifications = [
    ...(request.AdditionalInferenceSpecifications ?? []),
    ...(input.AdditionalInferenceSpecificationsToAdd ?? []),
  ];
  return {
    ...stored,
    ...(ModelApprovalStatus && { approval: ModelApprovalStatus }),
    ...(ApprovalDescription && { approvalDescription: ApprovalDescription }),
    request: {
      ...request,
      ...(properties.size > 0 || request.CustomerMetadataProperties
        ? { CustomerMetadataProperties: Object.fromEntries(properties) }
        : {}),
      ...(specifications.length > 0 && { AdditionalInferenceSpecifications: specifications }),
      ...(InferenceSpecification && { InferenceSpecification }),
      ...(SourceUri && { SourceUri }),
      ...(input.ModelCard && { ModelCard: input.ModelCard as NonNullable<typeof request.ModelCard> }),
      ...(input.ModelLifeCycle && { ModelLifeCycle: input.ModelLifeCycle }),
    },
  };
}
