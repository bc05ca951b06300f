import type {
  CreateDataQualityJobDefinitionRequest,
  CreateModelQualityJobDefinitionRequest,
  ListDataQualityJobDefinitionsRequest,
  MonitoringJobDefinitionSummary,
} from "@aws-sdk/client-sagemaker";
import { Fault } from "../../../kit/fault.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Resources } from "../../../ports/resources.ts";
import type { Call, Handler } from "../../../wire/service.ts";
import { type ListInput, listPage } from "../list-page.ts";
import type { ProcessingPrograms } from "../processing/processing-program.ts";
import { invalid, kindOf } from "../resource-names.ts";
import { addTags, forgetTags } from "../tags.ts";
import {
  checkDefinition,
  definitionArn,
  definitionWord,
  endpointNameOf,
  findDefinition,
  ofStoredDefinition,
  type QualityType,
  type StoredDefinition,
} from "./job-definition.ts";

export interface DefinitionHandlerOptions {
  resources: Resources;
  clock: Clock;
  programs: ProcessingPrograms;
  /** The name of a schedule that uses a definition. */
  userOf: (type: QualityType, name: string) => string | undefined;
}

type CreateRequest = CreateDataQualityJobDefinitionRequest & CreateModelQualityJobDefinitionRequest;

export function jobDefinitionHandlers(options: DefinitionHandlerOptions): Record<string, Handler> {
  return { ...handlersOf("DataQuality", options), ...handlersOf("ModelQuality", options) };
}

/** The four operations of one type; AWS's texts for their faults were never recorded. */
function handlersOf(type: QualityType, options: DefinitionHandlerOptions): Record<string, Handler> {
  const { resources, clock, programs, userOf } = options;
  const kind = kindOf(definitionWord[type]);
  function find(name: string, call: Call): StoredDefinition {
    const found = findDefinition(resources, { type, name });
    if (found !== undefined) return found;
    throw new Fault("ResourceNotFound", `Could not find job definition "${definitionArn(type, name, call)}".`);
  }
  return {
    [`Create${type}JobDefinition`]: ({ Tags, ...request }: CreateRequest, call: Call): object => {
      const name = request.JobDefinitionName as string;
      const arn = definitionArn(type, name, call);
      const nowMs = clock.now();
      const definition: StoredDefinition = { name, arn, type, request, createdMs: nowMs, modifiedMs: nowMs };
      checkDefinition(ofStoredDefinition(definition), programs);
      resources.transaction(() => {
        if (!resources.create(kind, name, definition)) {
          throw new Fault("ResourceInUse", `A job definition with this name already exists (${arn}).`);
        }
        addTags(resources, arn, Tags ?? []);
      });
      return { JobDefinitionArn: arn };
    },
    [`Describe${type}JobDefinition`]: ({ JobDefinitionName }: { JobDefinitionName: string }, call: Call): object => {
      const { arn, createdMs, request } = find(JobDefinitionName, call);
      return { ...request, JobDefinitionArn: arn, CreationTime: new Date(createdMs) };
    },
    [`List${type}JobDefinitions`]: (input: ListDataQualityJobDefinitionsRequest): object => {
      const all = resources
        .list<StoredDefinition>(kind)
        .map(({ value }) => ({ ...value, endpointName: endpointNameOf(ofStoredDefinition(value)) }))
        .filter(({ endpointName }) => input.EndpointName === undefined || endpointName === input.EndpointName);
      const { page, NextToken } = listPage(all, input as ListInput, "Descending");
      return {
        JobDefinitionSummaries: page.map(
          ({ name, arn, createdMs, endpointName }): MonitoringJobDefinitionSummary => ({
            MonitoringJobDefinitionName: name,
            MonitoringJobDefinitionArn: arn,
            CreationTime: new Date(createdMs),
            EndpointName: endpointName ?? "", // required, also where a batch transform is watched
          }),
        ),
        ...(NextToken === undefined ? {} : { NextToken }),
      };
    },
    [`Delete${type}JobDefinition`]: ({ JobDefinitionName }: { JobDefinitionName: string }, call: Call): object => {
      const { name, arn } = find(JobDefinitionName, call);
      const user = userOf(type, name);
      if (user !== undefined) {
        throw invalid(`Job definition "${arn}" is used by the monitoring schedule "${user}": delete that first.`);
      }
      resources.delete(kind, name);
      forgetTags(resources, arn);
      return {};
    },
  };
}
