import assert from "node:assert/strict";
import { test } from "node:test";
import type { VariantLoad } from "../../ports/endpoint-loads.ts";
import { memoryResources } from "../../ports/memory-resources.ts";
import { testClock } from "../../ports/test-clock.ts";
import { testCall } from "../../wire/testing/call.ts";
import { applicationAutoscalingService } from "./application-autoscaling-service.ts";

const variant = {
  ServiceNamespace: "sagemaker",
  ResourceId: "endpoint/birds/variant/AllTraffic",
  ScalableDimension: "sagemaker:variant:DesiredInstanceCount",
};

test("a variant grows with its invocations, no further than its maximum, and shrinks when they stay away", async () => {
  const { ask, load, clock, close } = await scaled({ max: 3 });
  // 50 a minute is the target: 120 a minute want 3 instances.
  for (let i = 0; i < 12; i++) {
    load.invocations += 20;
    await clock.advance(10_000);
  }
  const grown = load.instances;
  for (let i = 0; i < 12; i++) {
    load.invocations += 200;
    await clock.advance(10_000);
  }
  const atMost = load.instances;
  await clock.advance(14 * 60_000);
  const stillThere = load.instances;
  await clock.advance(3 * 60_000);
  const { ScalingActivities } = await ask("DescribeScalingActivities", { ServiceNamespace: "sagemaker" });
  await close();
  assert.deepEqual([grown, atMost, stillThere, load.instances], [3, 3, 3, 1]);
  assert.deepEqual(
    ScalingActivities.map(({ Description, StatusCode }: { Description: string; StatusCode: string }) => [
      Description,
      StatusCode,
    ]),
    [
      ["Setting desired instance count to 1.", "Successful"],
      ["Setting desired instance count to 3.", "Successful"],
    ],
  );
});

test("requests that wait make a variant grow at once, and the cooldown holds it there", async () => {
  const { load, clock, close } = await scaled({
    max: 10,
    metric: "SageMakerVariantConcurrentRequestsPerModelHighResolution",
  });
  load.outstanding = 90;
  await clock.advance(10_000);
  const first = load.instances;
  load.outstanding = 400;
  await clock.advance(60_000);
  const cooling = load.instances;
  await clock.advance(240_000);
  await close();
  assert.deepEqual([first, cooling, load.instances], [2, 2, 8]);
});

test("a variant with ManagedInstanceScaling is scaled without a policy", async () => {
  const { load, clock, close } = await scaled({ max: 5, isRegistered: false });
  load.managed = { min: 1, max: 4 };
  load.outstanding = 100;
  await clock.advance(10_000);
  await close();
  assert.equal(load.instances, 4);
});

test("what is suspended, being changed or deregistered is left alone", async () => {
  const { ask, load, clock, close } = await scaled({
    max: 10,
    metric: "SageMakerVariantConcurrentRequestsPerModelHighResolution",
  });
  load.outstanding = 500;
  load.isSettled = false;
  await clock.advance(20_000);
  load.isSettled = true;
  await ask("RegisterScalableTarget", { ...variant, SuspendedState: { DynamicScalingOutSuspended: true } });
  await clock.advance(20_000);
  const suspended = await ask("DescribeScalableTargets", { ServiceNamespace: "sagemaker" });
  await ask("DeregisterScalableTarget", variant);
  await clock.advance(20_000);
  const policies = await ask("DescribeScalingPolicies", { ServiceNamespace: "sagemaker" });
  await close();
  assert.equal(load.instances, 1);
  assert.equal(suspended.ScalableTargets[0].SuspendedState.DynamicScalingOutSuspended, true);
  assert.deepEqual([suspended.ScalableTargets[0].MinCapacity, suspended.ScalableTargets[0].MaxCapacity], [1, 10]);
  assert.deepEqual(policies.ScalingPolicies, []);
});

test("what cannot be scaled is refused in AWS's codes", async () => {
  const { ask, close } = await scaled({ max: 2, isRegistered: false });
  const register = { ...variant, MinCapacity: 1, MaxCapacity: 2 };
  const refusals: [string, object, string][] = [
    ["RegisterScalableTarget", { ...register, MinCapacity: 3 }, "ValidationException"],
    ["RegisterScalableTarget", variant, "ValidationException"],
    ["RegisterScalableTarget", { ...register, ServiceNamespace: "ecs" }, "ValidationException"],
    ["RegisterScalableTarget", { ...register, ResourceId: "endpoint/no/variant/AllTraffic" }, "ValidationException"],
    ["PutScalingPolicy", policyOf("p"), "ObjectNotFoundException"],
    ["DeregisterScalableTarget", variant, "ObjectNotFoundException"],
    ["DeleteScalingPolicy", { ...variant, PolicyName: "p" }, "ObjectNotFoundException"],
  ];
  const codes = await Promise.all(
    refusals.map(([operation, input]) => ask(operation, input).then(String, ({ code }: { code: string }) => code)),
  );
  await close();
  assert.deepEqual(
    codes,
    refusals.map(([, , code]) => code),
  );
});

const call = testCall({ accountId: "123456789012" });

function policyOf(PolicyName: string, PredefinedMetricType = "SageMakerVariantInvocationsPerInstance") {
  return {
    ...variant,
    PolicyName,
    PolicyType: "TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration: {
      TargetValue: 50,
      PredefinedMetricSpecification: { PredefinedMetricType },
    },
  };
}

async function scaled({ max, metric, isRegistered = true }: { max: number; metric?: string; isRegistered?: boolean }) {
  const clock = testClock();
  const load: VariantLoad = {
    endpointName: "birds",
    variantName: "AllTraffic",
    instances: 1,
    invocations: 0,
    outstanding: 0,
    isSettled: true,
  };
  const problems: unknown[] = [];
  const service = applicationAutoscalingService({
    resources: memoryResources(clock),
    loads: { loads: () => [{ ...load }] },
    operations: {
      has: () => true,
      call: async (_service, _operation, input) => {
        const { DesiredWeightsAndCapacities } = input as {
          DesiredWeightsAndCapacities: { DesiredInstanceCount: number }[];
        };
        load.instances = DesiredWeightsAndCapacities[0]?.DesiredInstanceCount ?? 0;
        return { output: {}, requestId: "r" };
      },
    },
    clock,
    report: (...problem) => problems.push(problem),
  });
  // biome-ignore lint/suspicious/noExplicitAny: tests read members of many different answers
  const ask = async (operation: string, input: object): Promise<any> => service.handlers[operation]?.(input, call);
  if (isRegistered) {
    await ask("RegisterScalableTarget", { ...variant, MinCapacity: 1, MaxCapacity: max });
    await ask("PutScalingPolicy", policyOf("p", metric));
  }
  service.start();
  const close = async () => {
    await service.close();
    assert.deepEqual(problems, []);
  };
  return { ask, load, clock, close };
}
