import type {
  ContainerDefinition,
  CreateModelInput,
  CreateModelOutput,
  DeleteModelInput,
  DescribeModelInput,
  DescribeModelOutput,
  ListModelsInput,
  ListModelsOutput,
} from "@aws-sdk/client-sagemaker";
import type { Blobs } from "../../ports/blobs.ts";
import type { Resources } from "../../ports/resources.ts";
import { containerCommand } from "../../serve/container.ts";
import { modelServerOrigin } from "../../serve/model-server.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { type ListInput, listPage } from "./list-page.ts";
import { containerOfPackage } from "./model-registry/model-package.ts";
import { alreadyExists, arnOf, invalid, kindOf, notFound, notSupported, parseS3Uri } from "./resource-names.ts";
import { addTags, forgetTags } from "./tags.ts";

/** A model as it is kept: what CreateModel was given, and when. */
export interface StoredModel {
  arn: string;
  createdMs: number;
  request: Omit<CreateModelInput, "Tags">;
  container: ContainerDefinition;
}

const kind = kindOf("model");

export function modelHandlers({ resources, blobs, now }: { resources: Resources; blobs: Blobs; now: () => number }) {
  const handlers: Record<string, Handler> = {
    CreateModel: async ({ Tags, ...request }: CreateModelInput, call: Call): Promise<CreateModelOutput> => {
      const name = request.ModelName as string;
      const container = containerOf(request, resources, call);
      await checkModelData(container, blobs);
      const arn = arnOf("model", name, call);
      const model: StoredModel = { arn, createdMs: now(), request, container };
      resources.transaction(() => {
        if (!resources.create(kind, name, model)) throw alreadyExists("model", name, call);
        addTags(resources, arn, Tags ?? []);
      });
      return { ModelArn: arn };
    },
    DescribeModel: ({ ModelName }: DescribeModelInput, call: Call): DescribeModelOutput => {
      const { arn, createdMs, request } = findModel(resources, ModelName as string, call);
      const { ModelName: _name, ...rest } = request;
      return {
        ModelName,
        ...rest,
        CreationTime: new Date(createdMs),
        ModelArn: arn,
        EnableNetworkIsolation: rest.EnableNetworkIsolation ?? false,
      };
    },
    ListModels: (input: ListModelsInput): ListModelsOutput => {
      const all = resources.list<StoredModel>(kind).map(({ id, value }) => ({
        name: id,
        arn: value.arn,
        createdMs: value.createdMs,
        modifiedMs: value.createdMs,
      }));
      const { page, NextToken } = listPage(all, input as ListInput, "Descending");
      return {
        Models: page.map(({ name, arn, createdMs }) => ({
          ModelName: name,
          ModelArn: arn,
          CreationTime: new Date(createdMs),
        })),
        ...(NextToken === undefined ? {} : { NextToken }),
      };
    },
    DeleteModel: ({ ModelName }: DeleteModelInput, call: Call): object => {
      const { arn } = findModel(resources, ModelName as string, call);
      resources.delete(kind, ModelName as string);
      forgetTags(resources, arn);
      return {};
    },
  };
  return handlers;
}

export function findModel(resources: Resources, name: string, call: Call): StoredModel {
  const found = resources.get<StoredModel>(kind, name);
  if (found === undefined) throw notFound("model", name, call);
  return found.value;
}

function containerOf(
  { PrimaryContainer, Containers }: Omit<CreateModelInput, "Tags">,
  resources: Resources,
  call: Call,
): ContainerDefinition {
  if (PrimaryContainer !== undefined && Containers !== undefined) {
    throw invalid("Give PrimaryContainer or Containers, not both.");
  }
  const given = PrimaryContainer ?? Containers?.[0];
  if (given === undefined) throw invalid("A model needs a PrimaryContainer.");
  if ((Containers?.length ?? 0) > 1) throw notSupported("A model of several containers");
  if (given.Mode === "MultiModel") throw notSupported("Mode MultiModel");
  const container = given.ModelPackageName === undefined ? given : containerOfPackage(given, resources, call);
  const { Image } = container;
  if (Image === undefined) throw invalid("The container needs an Image.");
  if (Image.startsWith("process:") && modelServerOrigin(Image) === undefined && containerCommand(Image) === undefined) {
    throw invalid(`The image "${Image}" is not of the form process:COMMAND or process:http://127.0.0.1:PORT.`);
  }
  return container;
}

/** Where the container's model lies; `undefined` for a server or a program that brings its own. */
export function modelDataOf(container: ContainerDefinition): { bucket: string; key: string } | undefined {
  if (modelServerOrigin(container.Image as string) !== undefined) return undefined;
  const source = container.ModelDataSource?.S3DataSource;
  if (source !== undefined && (source.S3DataType !== "S3Object" || source.CompressionType !== "Gzip")) {
    throw notSupported("A ModelDataSource other than one S3Object with CompressionType Gzip");
  }
  const url = container.ModelDataUrl ?? source?.S3Uri;
  if (url === undefined) {
    if (containerCommand(container.Image as string) !== undefined) return undefined;
    throw invalid("The container needs a ModelDataUrl.");
  }
  return parseS3Uri(url);
}

async function checkModelData(container: ContainerDefinition, blobs: Blobs): Promise<void> {
  const data = modelDataOf(container);
  if (data === undefined) return;
  const { bucket, key } = data;
  if ((await blobs.head(`${bucket}/${key}`)) === undefined) {
    throw invalid(`Could not find model data at s3://${bucket}/${key}.`);
  }
}
