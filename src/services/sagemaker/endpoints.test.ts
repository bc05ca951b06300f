import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Models } from "../../ports/models.ts";
import { settled, until } from "../../serve/testing/world.ts";
import { redPicture, storeModel, testWorld } from "./testing/service.ts";

const image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1";
const roleArn = "arn:aws:iam::123456789012:role/scones";

test("an endpoint comes up from a model in a bucket, answers, captures and goes", async () => {
  const world = testWorld();
  const sagemaker = world.start();
  await create(world, sagemaker, "birds", 4);
  const creating = await sagemaker.ask("DescribeEndpoint", { EndpointName: "birds" });
  const inService = await settledEndpoint(sagemaker, "birds");
  const answer = await sagemaker.models.invoke("birds", { body: redPicture(), contentType: "image/png" });
  await sagemaker.ask("DeleteEndpoint", { EndpointName: "birds" });
  await until(() => world.resources.list("sagemaker/endpoint").length === 0);
  const captured = [...world.blobs.contents.keys()].filter((key) => key.startsWith("bucket/captured/"));
  await sagemaker.close();
  assert.equal(creating.EndpointStatus, "Creating");
  assert.equal(inService.EndpointStatus, "InService");
  assert.equal(inService.EndpointArn, "arn:aws:sagemaker:us-east-1:123456789012:endpoint/birds");
  assert.equal(inService.EndpointConfigName, "birds");
  assert.deepEqual(
    { ...inService.ProductionVariants[0], DeployedImages: undefined },
    {
      VariantName: "AllTraffic",
      DeployedImages: undefined,
      CurrentWeight: 1,
      DesiredWeight: 1,
      CurrentInstanceCount: 1,
      DesiredInstanceCount: 1,
    },
  );
  assert.deepEqual(inService.DataCaptureConfig, {
    EnableCapture: true,
    CaptureStatus: "Started",
    CurrentSamplingPercentage: 100,
    DestinationS3Uri: "s3://bucket/captured",
    KmsKeyId: "",
  });
  assert.equal(answer.variantName, "AllTraffic");
  assert.match(Buffer.from(answer.body).toString(), /^\[0\.999/);
  assert.equal(captured.length, 1);
  assert.deepEqual(readdirSync(join(world.directory, "endpoints")), []);
  assert.deepEqual(
    world.events.map(({ detailType, detail }) => `${detailType} ${detail["EndpointStatus"]}`),
    [
      "SageMaker Endpoint State Change CREATING",
      "SageMaker Endpoint Deployment State Change CREATING",
      "SageMaker Endpoint State Change IN_SERVICE",
      "SageMaker Endpoint State Change DELETING",
    ],
  );
  assert.equal(typeof world.events[0]?.detail["CreationTime"], "number");
  assert.deepEqual(world.problems, []);
  world.forget();
});

test("an endpoint in service comes back by itself, without its config, its model or its archive", async () => {
  const world = testWorld();
  const first = world.start();
  await create(world, first, "birds", 4);
  await settledEndpoint(first, "birds");
  await first.ask("DeleteEndpointConfig", { EndpointConfigName: "birds" });
  await first.ask("DeleteModel", { ModelName: "birds" });
  await world.blobs.delete("bucket/birds.tar.gz");
  await first.close();
  mkdirSync(join(world.directory, "endpoints", "left-behind"));
  const second = world.start();
  const answer = await second.models.invoke("birds", { body: redPicture(), contentType: "image/png" });
  const described = await second.ask("DescribeEndpoint", { EndpointName: "birds" });
  await second.close();
  assert.equal(readdirSync(join(world.directory, "endpoints")).length, 1);
  assert.match(Buffer.from(answer.body).toString(), /^\[0\.999/);
  assert.equal(described.EndpointStatus, "InService");
  world.forget();
});

test("updating an endpoint under load loses no request and ends with the new model", async () => {
  const world = testWorld();
  const sagemaker = world.start();
  await create(world, sagemaker, "birds", 4);
  await settledEndpoint(sagemaker, "birds");
  await createConfig(world, sagemaker, "weak", 1);
  const load = asking(sagemaker.models, 1500);
  await sagemaker.ask("UpdateEndpoint", { EndpointName: "birds", EndpointConfigName: "weak" });
  const updating = await sagemaker.ask("DescribeEndpoint", { EndpointName: "birds" });
  const updated = await settledEndpoint(sagemaker, "birds");
  const answers = await load;
  const last = await sagemaker.models.invoke("birds", { body: redPicture(), contentType: "image/png" });
  await sagemaker.close();
  assert.deepEqual([updating.EndpointStatus, updated.EndpointStatus], ["Updating", "InService"]);
  assert.equal(updated.EndpointConfigName, "weak");
  assert.ok(answers.length > 100, `${answers.length} answers`);
  assert.deepEqual(
    answers.filter((answer) => answer instanceof Error),
    [],
  );
  assert.match(Buffer.from(last.body).toString(), /^\[0\.8/);
  world.forget();
});

test("an update to a model that is none leaves the endpoint as it was and says why", async () => {
  const world = testWorld();
  const sagemaker = world.start();
  await create(world, sagemaker, "birds", 4);
  await settledEndpoint(sagemaker, "birds");
  await world.blobs.put("bucket/bad.tar.gz", "not an archive");
  await createModel(sagemaker, "bad", "s3://bucket/bad.tar.gz");
  await configFor(sagemaker, "bad");
  await sagemaker.ask("UpdateEndpoint", { EndpointName: "birds", EndpointConfigName: "bad" });
  const described = await settledEndpoint(sagemaker, "birds");
  const answer = await sagemaker.models.invoke("birds", { body: redPicture(), contentType: "image/png" });
  await sagemaker.close();
  assert.equal(described.EndpointStatus, "InService");
  assert.equal(described.EndpointConfigName, "birds");
  assert.match(described.FailureReason, /cannot be read as tar\.gz/);
  assert.match(Buffer.from(answer.body).toString(), /^\[0\.999/);
  world.forget();
});

test("an endpoint whose model is none fails with the reason and can be deleted", async () => {
  const world = testWorld();
  const sagemaker = world.start();
  await world.blobs.put("bucket/bad.tar.gz", "not an archive");
  await createModel(sagemaker, "bad", "s3://bucket/bad.tar.gz");
  await configFor(sagemaker, "bad");
  await sagemaker.ask("CreateEndpoint", { EndpointName: "bad", EndpointConfigName: "bad" });
  const described = await settledEndpoint(sagemaker, "bad");
  await sagemaker.ask("DeleteEndpoint", { EndpointName: "bad" });
  await until(() => world.resources.list("sagemaker/endpoint").length === 0);
  await sagemaker.close();
  assert.equal(described.EndpointStatus, "Failed");
  assert.match(described.FailureReason, /cannot be read as tar\.gz/);
  world.forget();
});

test("an endpoint whose captures would have no bucket fails and says so", async () => {
  const world = testWorld({
    operations: {
      has: () => true,
      call: async (_service, operation, { Bucket }: { Bucket?: string }) => {
        if (operation === "HeadBucket") throw new Error(`no ${Bucket}`);
        return { output: {}, requestId: "r" };
      },
    },
  });
  const sagemaker = world.start();
  await create(world, sagemaker, "birds", 4);
  const { EndpointStatus, FailureReason } = await settledEndpoint(sagemaker, "birds");
  await sagemaker.close();
  assert.equal(EndpointStatus, "Failed");
  assert.match(FailureReason, /The bucket "bucket" of DataCaptureConfig\.DestinationS3Uri does not exist/);
  world.forget();
});

test("endpoints differ by more than their case", async () => {
  const world = testWorld();
  const sagemaker = world.start();
  await create(world, sagemaker, "birds", 4);
  await settledEndpoint(sagemaker, "birds");
  await assert.rejects(sagemaker.ask("CreateEndpoint", { EndpointName: "Birds", EndpointConfigName: "birds" }), {
    code: "ValidationException",
    message: /Cannot create already existing endpoint ".*endpoint\/birds"/,
  });
  await sagemaker.close();
  world.forget();
});

test("weights and capacities are changed in place", async () => {
  const world = testWorld({ maxWorkersPerVariant: 3 });
  const sagemaker = world.start();
  await create(world, sagemaker, "birds", 4);
  await settledEndpoint(sagemaker, "birds");
  await sagemaker.ask("UpdateEndpointWeightsAndCapacities", {
    EndpointName: "birds",
    DesiredWeightsAndCapacities: [{ VariantName: "AllTraffic", DesiredWeight: 3, DesiredInstanceCount: 2 }],
  });
  const described = await settledEndpoint(sagemaker, "birds");
  await sagemaker.close();
  const [{ CurrentWeight, CurrentInstanceCount }] = described.ProductionVariants;
  assert.deepEqual([CurrentWeight, CurrentInstanceCount], [3, 2]);
  world.forget();
});

test("what is not there and what is there already is answered in AWS's words", async () => {
  const world = testWorld();
  const sagemaker = world.start();
  await create(world, sagemaker, "birds", 4);
  await settledEndpoint(sagemaker, "birds");
  const arn = "arn:aws:sagemaker:us-east-1:123456789012";
  const refusals: [string, object, string][] = [
    ["DescribeEndpoint", { EndpointName: "no" }, `Could not find endpoint "${arn}:endpoint/no".`],
    ["DeleteEndpoint", { EndpointName: "no" }, `Could not find endpoint "${arn}:endpoint/no".`],
    ["DescribeModel", { ModelName: "no" }, `Could not find model "${arn}:model/no".`],
    [
      "CreateEndpoint",
      { EndpointName: "e", EndpointConfigName: "no" },
      `Could not find endpoint configuration "${arn}:endpoint-config/no".`,
    ],
    [
      "CreateEndpoint",
      { EndpointName: "birds", EndpointConfigName: "birds" },
      `Cannot create already existing endpoint "${arn}:endpoint/birds".`,
    ],
    [
      "CreateModel",
      { ModelName: "x", PrimaryContainer: { Image: image, ModelDataUrl: "s3://bucket/no" } },
      "Could not find model data at s3://bucket/no.",
    ],
    [
      "CreateModel",
      { ModelName: "x", PrimaryContainer: { Image: "process:http://10.0.0.1:80" } },
      'The image "process:http://10.0.0.1:80" is not of the form process:COMMAND or process:http://127.0.0.1:PORT.',
    ],
  ];
  const answered = await Promise.all(
    refusals.map(([operation, input]) => sagemaker.ask(operation, input).then(String, (fault: Error) => fault.message)),
  );
  await sagemaker.close();
  assert.deepEqual(
    answered,
    refusals.map(([, , message]) => message),
  );
  world.forget();
});

test("lists come in pages that cover everything once, newest first", async () => {
  const world = testWorld();
  const sagemaker = world.start();
  const url = await storeModel(world, "m", 1);
  for (let i = 0; i < 7; i++) await createModel(sagemaker, `model-${i}`, url);
  const names: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await sagemaker.ask("ListModels", { MaxResults: 3, ...(NextToken && { NextToken }) });
    names.push(...page.Models.map(({ ModelName }: { ModelName: string }) => ModelName));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  const ascending = await sagemaker.ask("ListModels", { SortBy: "Name", SortOrder: "Ascending", NameContains: "-3" });
  await sagemaker.close();
  assert.deepEqual(
    names.toSorted(),
    Array.from({ length: 7 }, (_, i) => `model-${i}`),
  );
  assert.equal(ascending.Models.length, 1);
  world.forget();
});

test("tags are added, changed, listed and deleted", async () => {
  const world = testWorld();
  const { ask, close } = world.start();
  const url = await storeModel(world, "m", 1);
  const { ModelArn } = await ask("CreateModel", {
    ModelName: "m",
    PrimaryContainer: { Image: image, ModelDataUrl: url },
    Tags: [{ Key: "a", Value: "1" }],
  });
  await ask("AddTags", {
    ResourceArn: ModelArn,
    Tags: [
      { Key: "b", Value: "2" },
      { Key: "a", Value: "3" },
    ],
  });
  const tags = await ask("ListTags", { ResourceArn: ModelArn });
  await ask("DeleteTags", { ResourceArn: ModelArn, TagKeys: ["a"] });
  const left = await ask("ListTags", { ResourceArn: ModelArn });
  await close();
  assert.deepEqual(tags.Tags, [
    { Key: "a", Value: "3" },
    { Key: "b", Value: "2" },
  ]);
  assert.deepEqual(left.Tags, [{ Key: "b", Value: "2" }]);
  world.forget();
});

type World = ReturnType<typeof testWorld>;
type Running = ReturnType<World["start"]>;

async function create(world: World, sagemaker: Running, name: string, strength: number): Promise<void> {
  await createConfig(world, sagemaker, name, strength);
  await sagemaker.ask("CreateEndpoint", { EndpointName: name, EndpointConfigName: name, Tags: [] });
}

async function createConfig(world: World, sagemaker: Running, name: string, strength: number): Promise<void> {
  await createModel(sagemaker, name, await storeModel(world, name, strength));
  await configFor(sagemaker, name);
}

function createModel(sagemaker: Running, name: string, url: string): Promise<object> {
  return sagemaker.ask("CreateModel", {
    ModelName: name,
    PrimaryContainer: { Image: image, Environment: {}, ModelDataUrl: url },
    ExecutionRoleArn: roleArn,
  });
}

function configFor(sagemaker: Running, name: string): Promise<object> {
  return sagemaker.ask("CreateEndpointConfig", {
    EndpointConfigName: name,
    ProductionVariants: [
      {
        VariantName: "AllTraffic",
        ModelName: name,
        InitialVariantWeight: 1,
        InitialInstanceCount: 1,
        InstanceType: "ml.m5.xlarge",
      },
    ],
    DataCaptureConfig: {
      EnableCapture: true,
      InitialSamplingPercentage: 100,
      DestinationS3Uri: "s3://bucket/captured",
      CaptureOptions: [{ CaptureMode: "Input" }, { CaptureMode: "Output" }],
      CaptureContentTypeHeader: { CsvContentTypes: ["text/csv"], JsonContentTypes: ["application/json"] },
    },
  });
}

async function settledEndpoint({ ask }: Running, EndpointName: string) {
  for (const limit = Date.now() + 20_000; Date.now() < limit; await settled()) {
    const described = await ask("DescribeEndpoint", { EndpointName });
    if (!["Creating", "Updating"].includes(described.EndpointStatus)) return described;
  }
  throw new Error(`endpoint ${EndpointName} does not come to rest`);
}

async function asking(models: Models, forMs: number): Promise<unknown[]> {
  const answers: unknown[] = [];
  const end = Date.now() + forMs;
  const client = async () => {
    while (Date.now() < end) {
      const sent = models.invoke("birds", { body: redPicture(), contentType: "image/png" });
      answers.push(await sent.catch((error: Error) => error));
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  return answers;
}
