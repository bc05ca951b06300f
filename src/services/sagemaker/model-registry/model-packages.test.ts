import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../../serve/testing/world.ts";
import { redPicture, storeModel, testWorld } from "../testing/service.ts";

const image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1";
const arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package";

function specification(ModelDataUrl = "s3://bucket/birds.tar.gz"): object {
  return {
    InferenceSpecification: {
      Containers: [{ Image: image, ModelDataUrl, Environment: { OMP_NUM_THREADS: "1" } }],
      SupportedContentTypes: ["image/png"],
      SupportedResponseMIMETypes: ["application/json"],
    },
  };
}

test("versions are numbered, approved, listed, and never numbered again", async () => {
  const world = testWorld();
  const { ask, close } = world.start();
  await ask("CreateModelPackageGroup", { ModelPackageGroupName: "birds", ModelPackageGroupDescription: "which bird" });
  const version = () => ask("CreateModelPackage", { ModelPackageGroupName: "birds", ...specification() });
  const [first, second] = [await version(), await version()];
  await ask("UpdateModelPackage", {
    ModelPackageArn: second.ModelPackageArn,
    ModelApprovalStatus: "Approved",
    ApprovalDescription: "better",
    CustomerMetadataProperties: { accuracy: "0.9" },
  });
  const described = await ask("DescribeModelPackage", { ModelPackageName: second.ModelPackageArn });
  const approved = await ask("ListModelPackages", { ModelPackageGroupName: "birds", ModelApprovalStatus: "Approved" });
  await ask("DeleteModelPackage", { ModelPackageName: second.ModelPackageArn });
  const third = await version();
  const { ModelPackageSummaryList: unversioned } = await ask("ListModelPackages", {});
  const { ModelPackageSummaryList: versions } = await ask("ListModelPackages", { ModelPackageType: "Versioned" });
  await close();
  assert.deepEqual(
    [first, second, third].map(({ ModelPackageArn }) => ModelPackageArn),
    [`${arn}/birds/1`, `${arn}/birds/2`, `${arn}/birds/3`],
  );
  const { CreationTime, LastModifiedTime, InferenceSpecification, ...rest } = described;
  assert.ok(CreationTime instanceof Date && LastModifiedTime instanceof Date);
  assert.equal(InferenceSpecification.Containers[0].Image, image);
  assert.deepEqual(rest, {
    ModelPackageName: "birds",
    ModelPackageGroupName: "birds",
    ModelPackageVersion: 2,
    ModelPackageArn: `${arn}/birds/2`,
    ModelPackageStatus: "Completed",
    ModelPackageStatusDetails: { ValidationStatuses: [], ImageScanStatuses: [] },
    ModelApprovalStatus: "Approved",
    ApprovalDescription: "better",
    CustomerMetadataProperties: { accuracy: "0.9" },
    CertifyForMarketplace: false,
  });
  assert.equal(approved.ModelPackageSummaryList.length, 1);
  assert.deepEqual([unversioned.length, versions.length], [0, 2]);
  assert.deepEqual(
    world.events.map(({ detailType, detail }) => `${detailType}: ${detail["ModelApprovalStatus"]}`),
    ["PendingManualApproval", "PendingManualApproval", "Approved", "PendingManualApproval"].map(
      (status) => `SageMaker Model Package State Change: ${status}`,
    ),
  );
  world.forget();
});

test("an approved version is deployed by its name, one that waits for approval is not", async () => {
  const world = testWorld();
  const { ask, models, close } = world.start();
  const ModelDataUrl = await storeModel(world, "birds", 4);
  await ask("CreateModelPackageGroup", { ModelPackageGroupName: "birds" });
  const { ModelPackageArn } = await ask("CreateModelPackage", {
    ModelPackageGroupName: "birds",
    ...specification(ModelDataUrl),
  });
  const model = { ModelName: "birds", PrimaryContainer: { ModelPackageName: ModelPackageArn } };
  await assert.rejects(ask("CreateModel", model), /is PendingManualApproval; approve it first/);
  await ask("UpdateModelPackage", { ModelPackageArn, ModelApprovalStatus: "Approved" });
  await ask("CreateModel", model);
  const names = { EndpointConfigName: "birds", EndpointName: "birds" };
  const variant = { VariantName: "AllTraffic", ModelName: "birds", InitialInstanceCount: 1 };
  await ask("CreateEndpointConfig", { ...names, ProductionVariants: [variant] });
  await ask("CreateEndpoint", names);
  await until(() => world.events.some(({ detail }) => detail["EndpointStatus"] === "IN_SERVICE"));
  const answer = await models.invoke("birds", { body: redPicture(), contentType: "image/png" });
  const described = await ask("DescribeModel", { ModelName: "birds" });
  await close();
  assert.match(Buffer.from(answer.body).toString(), /^\[0\./);
  assert.deepEqual(described.PrimaryContainer, { ModelPackageName: ModelPackageArn });
  world.forget();
});

test("groups are listed, kept while they have versions, and deleted", async () => {
  const world = testWorld();
  const { ask, close } = world.start();
  await ask("CreateModelPackageGroup", { ModelPackageGroupName: "birds" });
  await assert.rejects(ask("CreateModelPackageGroup", { ModelPackageGroupName: "birds" }), /already exists/);
  await ask("CreateModelPackage", { ModelPackageGroupName: "birds", ...specification() });
  const listed = await ask("ListModelPackageGroups", { NameContains: "bir" });
  await assert.rejects(ask("DeleteModelPackageGroup", { ModelPackageGroupName: "birds" }), {
    code: "ConflictException",
  });
  await ask("DeleteModelPackage", { ModelPackageName: `${arn}/birds/1` });
  await ask("DeleteModelPackageGroup", { ModelPackageGroupName: "birds" });
  await assert.rejects(ask("DescribeModelPackageGroup", { ModelPackageGroupName: "birds" }), {
    code: "ValidationException",
    message: "ModelPackageGroup arn:aws:sagemaker:us-east-1:123456789012:model-package-group/birds does not exist.",
  });
  await close();
  assert.deepEqual(listed.ModelPackageGroupSummaryList[0].ModelPackageGroupStatus, "Completed");
  world.forget();
});

test("a package says what it runs, and is in a group or has a name of its own", async () => {
  const world = testWorld();
  const { ask, close } = world.start();
  await ask("CreateModelPackage", { ModelPackageName: "alone", ...specification() });
  const { ModelApprovalStatus } = await ask("DescribeModelPackage", { ModelPackageName: "alone" });
  const { ModelPackageSummaryList } = await ask("ListModelPackages", {});
  await assert.rejects(ask("CreateModelPackage", { ModelPackageName: "alone", ...specification() }), /already exists/);
  await assert.rejects(
    ask("CreateModelPackage", specification()),
    /either a ModelPackageName or a ModelPackageGroupName/,
  );
  await assert.rejects(ask("CreateModelPackage", { ModelPackageName: "empty" }), /needs an InferenceSpecification/);
  await assert.rejects(ask("DescribeModelPackage", { ModelPackageName: "absent" }), /absent does not exist\.$/);
  await close();
  assert.equal(ModelApprovalStatus, undefined);
  assert.equal(ModelPackageSummaryList[0].ModelPackageName, "alone");
  world.forget();
});
