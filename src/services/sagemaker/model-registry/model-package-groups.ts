import type {
  CreateModelPackageGroupInput,
  CreateModelPackageGroupOutput,
  DescribeModelPackageGroupOutput,
  ListModelPackageGroupsInput,
  ListModelPackageGroupsOutput,
  ModelPackageGroupSummary,
} from "@aws-sdk/client-sagemaker";
import { Fault } from "../../../kit/fault.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Resources } from "../../../ports/resources.ts";
import type { Call, Handler } from "../../../wire/service.ts";
import { type ListInput, listPage } from "../list-page.ts";
import { arnOf, invalid, kindOf } from "../resource-names.ts";
import { addTags, forgetTags } from "../tags.ts";
import { packageKind } from "./model-package.ts";

/** Versions of one model. */
export interface StoredModelPackageGroup {
  name: string;
  arn: string;
  request: Omit<CreateModelPackageGroupInput, "Tags">;
  /** The last one that was given: a version's number is never given again. */
  lastVersion: number;
  createdMs: number;
  modifiedMs: number;
}

export const groupKind = kindOf("model-package-group");

interface Named {
  ModelPackageGroupName: string;
}

export function modelPackageGroupHandlers(resources: Resources, clock: Clock): Record<string, Handler> {
  return {
    CreateModelPackageGroup: (
      { Tags, ...request }: CreateModelPackageGroupInput,
      call: Call,
    ): CreateModelPackageGroupOutput => {
      const name = request.ModelPackageGroupName as string;
      const arn = arnOf("model-package-group", name, call);
      const nowMs = clock.now();
      const group: StoredModelPackageGroup = {
        name,
        arn,
        request,
        lastVersion: 0,
        createdMs: nowMs,
        modifiedMs: nowMs,
      };
      resources.transaction(() => {
        if (!resources.create(groupKind, name, group)) throw invalid(`Model Package Group already exists: ${arn}`);
        addTags(resources, arn, Tags ?? []);
      });
      return { ModelPackageGroupArn: arn };
    },
    DescribeModelPackageGroup: (input: Named, call: Call): DescribeModelPackageGroupOutput => ({
      ...summarizeGroup(findGroup(resources, input.ModelPackageGroupName, call)),
      CreatedBy: {},
    }),
    ListModelPackageGroups: (input: ListModelPackageGroupsInput): ListModelPackageGroupsOutput => {
      const all = resources.list<StoredModelPackageGroup>(groupKind).map(({ value }) => value);
      const { page, NextToken } = listPage(all, input as ListInput, "Ascending");
      return {
        ModelPackageGroupSummaryList: page.map(summarizeGroup),
        ...(NextToken === undefined ? {} : { NextToken }),
      };
    },
    DeleteModelPackageGroup: (input: Named, call: Call): object => {
      const { name, arn } = findGroup(resources, input.ModelPackageGroupName, call);
      if (resources.list(packageKind, { prefix: `${name}/`, limit: 1 }).length > 0) {
        throw new Fault("ConflictException", `Model Package Group ${arn} still has model packages: delete them first.`);
      }
      resources.delete(groupKind, name);
      forgetTags(resources, arn);
      return {};
    },
  };
}

/** By name or by the whole address. */
export function findGroup(
  resources: Resources,
  nameOrArn: string,
  call: Pick<Call, "region" | "accountId">,
): StoredModelPackageGroup {
  const name = nameOrArn.replace(/^arn:[^/]*\//, "");
  const found = resources.get<StoredModelPackageGroup>(groupKind, name)?.value;
  if (found === undefined)
    throw invalid(`ModelPackageGroup ${arnOf("model-package-group", name, call)} does not exist.`);
  return found;
}

function summarizeGroup({ name, arn, createdMs, request }: StoredModelPackageGroup): ModelPackageGroupSummary {
  return {
    ModelPackageGroupName: name,
    ModelPackageGroupArn: arn,
    ModelPackageGroupStatus: "Completed",
    CreationTime: new Date(createdMs),
    ...(request.ModelPackageGroupDescription && { ModelPackageGroupDescription: request.ModelPackageGroupDescription }),
  };
}
