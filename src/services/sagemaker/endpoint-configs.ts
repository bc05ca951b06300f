import type {
  CreateEndpointConfigInput,
  CreateEndpointConfigOutput,
  DeleteEndpointConfigInput,
  DescribeEndpointConfigInput,
  DescribeEndpointConfigOutput,
  ListEndpointConfigsInput,
  ListEndpointConfigsOutput,
  ProductionVariant,
} from "@aws-sdk/client-sagemaker";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { type ListInput, listPage } from "./list-page.ts";
import { findModel } from "./models.ts";
import { alreadyExists, arnOf, invalid, kindOf, notFound, notSupported, parseS3Uri } from "./resource-names.ts";
import { addTags, forgetTags } from "./tags.ts";

export interface StoredEndpointConfig {
  arn: string;
  createdMs: number;
  request: ConfigRequest;
}

type ConfigRequest = Omit<CreateEndpointConfigInput, "Tags">;

const kind = kindOf("endpoint-config");

export function endpointConfigHandlers({ resources, now }: { resources: Resources; now: () => number }) {
  const handlers: Record<string, Handler> = {
    CreateEndpointConfig: ({ Tags, ...request }: CreateEndpointConfigInput, call: Call): CreateEndpointConfigOutput => {
      const name = request.EndpointConfigName as string;
      checkConfig(request);
      for (const { ModelName } of variantsOf(request)) findModel(resources, ModelName as string, call);
      const arn = arnOf("endpoint-config", name, call);
      const config: StoredEndpointConfig = { arn, createdMs: now(), request };
      resources.transaction(() => {
        if (!resources.create(kind, name, config)) throw alreadyExists("endpoint-config", name, call);
        addTags(resources, arn, Tags ?? []);
      });
      return { EndpointConfigArn: arn };
    },
    DescribeEndpointConfig: (input: DescribeEndpointConfigInput, call: Call): DescribeEndpointConfigOutput => {
      const { arn, createdMs, request } = findEndpointConfig(resources, input.EndpointConfigName as string, call);
      return {
        ...request,
        EndpointConfigArn: arn,
        CreationTime: new Date(createdMs),
        EnableNetworkIsolation: request.EnableNetworkIsolation ?? false,
      } as DescribeEndpointConfigOutput;
    },
    ListEndpointConfigs: (input: ListEndpointConfigsInput): ListEndpointConfigsOutput => {
      const all = resources.list<StoredEndpointConfig>(kind).map(({ id, value }) => ({
        name: id,
        arn: value.arn,
        createdMs: value.createdMs,
        modifiedMs: value.createdMs,
      }));
      const { page, NextToken } = listPage(all, input as ListInput, "Descending");
      return {
        EndpointConfigs: page.map(({ name, arn, createdMs }) => ({
          EndpointConfigName: name,
          EndpointConfigArn: arn,
          CreationTime: new Date(createdMs),
        })),
        ...(NextToken === undefined ? {} : { NextToken }),
      };
    },
    DeleteEndpointConfig: ({ EndpointConfigName }: DeleteEndpointConfigInput, call: Call): object => {
      const { arn } = findEndpointConfig(resources, EndpointConfigName as string, call);
      resources.delete(kind, EndpointConfigName as string);
      forgetTags(resources, arn);
      return {};
    },
  };
  return handlers;
}

export function findEndpointConfig(resources: Resources, name: string, call: Call): StoredEndpointConfig {
  const found = resources.get<StoredEndpointConfig>(kind, name);
  if (found === undefined) throw notFound("endpoint-config", name, call);
  return found.value;
}

function variantsOf({ ProductionVariants = [], ShadowProductionVariants = [] }: ConfigRequest): ProductionVariant[] {
  return [...ProductionVariants, ...ShadowProductionVariants];
}

function checkConfig(request: ConfigRequest): void {
  checkAsync(request);
  const shadows = request.ShadowProductionVariants?.length ?? 0;
  if (shadows > 1) throw invalid("Only one shadow production variant can be specified.");
  if (shadows === 1 && request.ProductionVariants?.length !== 1) {
    throw invalid("An endpoint with a shadow production variant must have exactly one production variant.");
  }
  const names = variantsOf(request).map(({ VariantName }) => VariantName);
  if (new Set(names).size !== names.length) throw invalid("Two production variants have the same VariantName.");
  for (const variant of variantsOf(request)) checkVariant(variant);
  const capture = request.DataCaptureConfig;
  if (capture !== undefined) parseS3Uri(capture.DestinationS3Uri as string);
}

function checkAsync({ AsyncInferenceConfig, ShadowProductionVariants }: ConfigRequest): void {
  if (AsyncInferenceConfig === undefined) return;
  const { S3OutputPath, S3FailurePath } = AsyncInferenceConfig.OutputConfig ?? {};
  if (S3OutputPath === undefined) throw notSupported("AsyncInferenceConfig without OutputConfig.S3OutputPath");
  for (const path of [S3OutputPath, ...(S3FailurePath === undefined ? [] : [S3FailurePath])]) parseS3Uri(path);
  if ((ShadowProductionVariants?.length ?? 0) > 0) {
    throw invalid("An asynchronous endpoint cannot have a shadow production variant.");
  }
}

function checkVariant({ VariantName, ModelName, InitialInstanceCount, ServerlessConfig }: ProductionVariant): void {
  if (ModelName === undefined) throw invalid(`Production variant ${VariantName} needs a ModelName.`);
  if (ServerlessConfig === undefined && (InitialInstanceCount ?? 0) < 1) {
    throw invalid(`Production variant ${VariantName} needs an InitialInstanceCount of at least 1.`);
  }
}
