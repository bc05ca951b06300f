import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { testClock } from "../../ports/test-clock.ts";
import { settled } from "../../serve/testing/world.ts";
import { testWorld } from "./testing/service.ts";

// Two models that already run, told apart by what they answer, so that the tests need no processes.
const blue = await modelServer("blue");
const green = await modelServer("green");
after(() => {
  blue.close();
  green.close();
});

const alarm = { AutoRollbackConfiguration: { Alarms: [{ AlarmName: "errors" }] } };

test("a canary takes its share, is watched, and then takes the rest", async () => {
  const { world, clock, sagemaker, describe, update, answers } = await serving({ instances: 4 });
  await update({ BlueGreenUpdatePolicy: policy("CANARY", { CanarySize: { Type: "INSTANCE_COUNT", Value: 1 } }) });
  const baking = await describe();
  const during = await answers(200);
  await clock.advance(60_000);
  const bakingAll = await describe();
  const afterwards = await answers(50);
  await clock.advance(30_000);
  const done = await describe();
  await sagemaker.close();
  assert.equal(baking.EndpointStatus, "Updating");
  assert.equal(baking.EndpointConfigName, "blue");
  const [pending] = baking.PendingDeploymentSummary.ProductionVariants;
  assert.equal(baking.PendingDeploymentSummary.EndpointConfigName, "green");
  assert.deepEqual([pending.CurrentInstanceCount, pending.DesiredInstanceCount], [1, 4]);
  assert.equal(pending.VariantStatus[0].Status, "Baking");
  assert.equal(
    pending.VariantStatus[0].StatusMessage,
    "Baking for 60 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1 instance(s).",
  );
  const share = during.filter((answer) => answer === "green").length / 200;
  assert.ok(share > 0.15 && share < 0.35, `share ${share}`);
  assert.match(
    bakingAll.PendingDeploymentSummary.ProductionVariants[0].VariantStatus[0].StatusMessage,
    /^Baking for 30 seconds \(TerminationWaitInSeconds\) with traffic enabled on full capacity of 4 instance/,
  );
  assert.deepEqual(new Set(afterwards), new Set(["green"]));
  assert.deepEqual([done.EndpointStatus, done.EndpointConfigName], ["InService", "green"]);
  assert.equal(done.PendingDeploymentSummary, undefined);
  assert.equal(done.LastDeploymentConfig.BlueGreenUpdatePolicy.TrafficRoutingConfiguration.Type, "CANARY");
  const stages = world.events.filter(({ detailType }) => detailType === "SageMaker Endpoint Deployment State Change");
  assert.ok(stages.length >= 5);
  assert.equal(stages.at(-1)?.detail["EndpointStatus"], "UPDATING");
  world.forget();
});

test("an alarm during baking gives all requests back to the old fleet and says why", async () => {
  const { world, clock, sagemaker, describe, update, answers } = await serving({ instances: 2 });
  world.metrics.setAlarm("errors", "OK");
  const canary = policy("CANARY", { CanarySize: { Type: "CAPACITY_PERCENT", Value: 50 } });
  await update({ BlueGreenUpdatePolicy: canary, ...alarm });
  await clock.advance(5_000);
  const baking = await describe();
  world.metrics.setAlarm("errors", "ALARM");
  await clock.advance(1_000);
  const done = await rested(describe);
  const afterwards = await answers(50);
  await sagemaker.close();
  assert.equal(baking.EndpointStatus, "Updating");
  assert.deepEqual([done.EndpointStatus, done.EndpointConfigName], ["InService", "blue"]);
  assert.match(done.FailureReason, /One or more alarms are in ALARM state: errors\./);
  assert.deepEqual(new Set(afterwards), new Set(["blue"]));
  const statuses = world.events
    .filter(({ detailType }) => detailType === "SageMaker Endpoint State Change")
    .map(({ detail }) => detail["EndpointStatus"]);
  assert.deepEqual(statuses.slice(-3), ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]);
  world.forget();
});

test("linear steps grow the new fleet's share, and an alarm at the last of them still turns back", async () => {
  const { world, clock, sagemaker, describe, update, answers } = await serving({ instances: 2 });
  world.metrics.setAlarm("errors", "OK");
  const linear = policy("LINEAR", { LinearStepSize: { Type: "CAPACITY_PERCENT", Value: 50 } });
  await update({ BlueGreenUpdatePolicy: linear, ...alarm });
  const half = await answers(100);
  await clock.advance(60_000);
  const whole = await answers(30);
  world.metrics.setAlarm("errors", "ALARM");
  await clock.advance(2_000);
  const done = await rested(describe);
  const back = await answers(30);
  await sagemaker.close();
  assert.deepEqual(new Set(half), new Set(["blue", "green"]));
  assert.deepEqual(new Set(whole), new Set(["green"]));
  assert.deepEqual(new Set(back), new Set(["blue"]));
  assert.equal(done.EndpointConfigName, "blue");
  world.forget();
});

test("a rolling update moves its batches and ends with the new fleet", async () => {
  const { world, clock, sagemaker, describe, update, answers } = await serving({ instances: 4 });
  const MaximumBatchSize = { Type: "INSTANCE_COUNT", Value: 2 };
  await update({ RollingUpdatePolicy: { MaximumBatchSize, WaitIntervalInSeconds: 60 } });
  const first = await describe();
  const half = await answers(60);
  await clock.advance(120_000);
  const done = await describe();
  const whole = await answers(30);
  await sagemaker.close();
  assert.match(
    first.PendingDeploymentSummary.ProductionVariants[0].VariantStatus[0].StatusMessage,
    /on batch capacity of 2 instance/,
  );
  assert.deepEqual(new Set(half), new Set(["blue", "green"]));
  assert.deepEqual(new Set(whole), new Set(["green"]));
  assert.deepEqual([done.EndpointStatus, done.EndpointConfigName], ["InService", "green"]);
  world.forget();
});

test("a deployment that takes longer than it may is rolled back", async () => {
  const { world, clock, sagemaker, describe, update } = await serving({ instances: 2 });
  const linear = policy("LINEAR", { LinearStepSize: { Type: "CAPACITY_PERCENT", Value: 10 } }, 66);
  await update({ BlueGreenUpdatePolicy: { ...linear, MaximumExecutionTimeoutInSeconds: 700 } });
  // The server was away for a while: the deployment begins again, within the time it had from the start.
  await clock.advance(300_000);
  await sagemaker.close();
  const again = world.start();
  await clock.advance(450_000);
  const done = await rested(() => again.ask("DescribeEndpoint", { EndpointName: "birds" }));
  await again.close();
  assert.equal((await describe()).EndpointConfigName, "blue");
  assert.match(done.FailureReason, /did not end within 700 seconds/);
  world.forget();
});

test("a restart in the middle begins the deployment again and it ends as asked", async () => {
  const { world, clock, sagemaker, update } = await serving({ instances: 2 });
  await update({ BlueGreenUpdatePolicy: policy("CANARY", { CanarySize: { Type: "INSTANCE_COUNT", Value: 1 } }) });
  await clock.advance(30_000);
  await sagemaker.close();
  const again = world.start();
  const restarted = await again.ask("DescribeEndpoint", { EndpointName: "birds" });
  await clock.advance(95_000);
  const done = await rested(() => again.ask("DescribeEndpoint", { EndpointName: "birds" }));
  await again.close();
  assert.equal(restarted.EndpointStatus, "Updating");
  assert.deepEqual([done.EndpointStatus, done.EndpointConfigName], ["InService", "green"]);
  world.forget();
});

test("the last deployment config is used again by those who ask for it", async () => {
  const { world, clock, sagemaker, describe, update } = await serving({ instances: 2 });
  await update({ BlueGreenUpdatePolicy: policy("ALL_AT_ONCE", {}, 0) });
  await clock.advance(30_000);
  const input = { EndpointName: "birds", EndpointConfigName: "blue", RetainDeploymentConfig: true };
  await sagemaker.ask("UpdateEndpoint", input);
  await settled();
  await clock.advance(1_000);
  const baking = await describe();
  await clock.advance(30_000);
  const done = await rested(describe);
  await sagemaker.close();
  assert.equal(baking.PendingDeploymentSummary.ProductionVariants[0].VariantStatus[0].Status, "Baking");
  assert.equal(done.EndpointConfigName, "blue");
  world.forget();
});

test("a deployment that AWS would refuse is refused", async () => {
  const { world, sagemaker } = await serving({ instances: 4 });
  const routing = (rest: object, more: object = {}) => ({
    BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: { WaitIntervalInSeconds: 60, ...rest }, ...more },
  });
  const refusals: [object, RegExp][] = [
    [routing({ Type: "CANARY" }), /CanarySize is required/],
    [
      routing({ Type: "CANARY", CanarySize: { Type: "INSTANCE_COUNT", Value: 3 } }),
      /must be at most 50% .* count of 4/,
    ],
    [routing({ Type: "LINEAR", LinearStepSize: { Type: "CAPACITY_PERCENT", Value: 5 } }), /between 10% and 50%/],
    [routing({ Type: "ALL_AT_ONCE", CanarySize: { Type: "CAPACITY_PERCENT", Value: 5 } }), /cannot be specified/],
    [
      routing({ Type: "ALL_AT_ONCE" }, { TerminationWaitInSeconds: 3000, MaximumExecutionTimeoutInSeconds: 600 }),
      /must be larger than the total waiting time/,
    ],
    [
      { RollingUpdatePolicy: { MaximumBatchSize: { Type: "CAPACITY_PERCENT", Value: 60 }, WaitIntervalInSeconds: 1 } },
      /MaximumBatchSize of 60 .* between 5% and 50%/,
    ],
    [{ ...routing({ Type: "ALL_AT_ONCE" }), RollingUpdatePolicy: {} }, /Only one update policy/],
    [alarm, /Could not find alarm\(s\) errors/],
  ];
  const answered = await Promise.all(
    refusals.map(([DeploymentConfig]) =>
      sagemaker
        .ask("UpdateEndpoint", { EndpointName: "birds", EndpointConfigName: "green", DeploymentConfig })
        .then(String, ({ code, message }: { code: string; message: string }) => `${code}: ${message}`),
    ),
  );
  await sagemaker.close();
  answered.forEach((text, i) => {
    assert.match(text, refusals[i]?.[1] as RegExp);
    assert.match(text, /^ValidationException: /);
  });
  world.forget();
});

test("a shadow variant gets a copy of every request, and its failures are its own", async () => {
  const broken = await modelServer("broken", 500);
  const { world, sagemaker, describe, answers } = await serving({ instances: 1, shadow: broken.origin });
  const described = await describe();
  const answered = await answers(20);
  await sagemaker.close();
  broken.close();
  assert.deepEqual(new Set(answered), new Set(["blue"]));
  assert.equal(broken.asked(), 20);
  assert.equal(described.ShadowProductionVariants[0].VariantName, "Shadow");
  world.forget();
});

test("a model's own 5xx is counted where alarms of deployments look for it", async () => {
  const broken = await modelServer("broken", 500);
  const { world, sagemaker, answers } = await serving({ instances: 1, shadow: broken.origin });
  await answers(3);
  await sagemaker.close();
  broken.close();
  assert.deepEqual(errorsOf("Shadow"), [1, 1, 1]);
  assert.deepEqual(errorsOf("AllTraffic"), [0, 0, 0]);
  world.forget();

  function errorsOf(variantName: string) {
    return world.metrics.recorded
      .filter(({ metric: { name, dimensions } }) => name === "Invocation5XXErrors" && dimensions["EndpointConfigName"])
      .filter(({ metric }) => metric.dimensions["VariantName"] === variantName)
      .flatMap(({ value, count }) => Array.from({ length: count }, () => value)); // several are told at once
  }
});

interface Setting {
  instances: number;
  shadow?: string;
}

async function serving({ instances, shadow }: Setting) {
  const clock = testClock();
  const world = testWorld({ clock });
  const sagemaker = world.start();
  const { ask } = sagemaker;
  const variant = (VariantName: string, ModelName: string) => ({
    VariantName,
    ModelName,
    InitialInstanceCount: instances,
    InstanceType: "ml.m5.large",
  });
  const models = { blue: blue.origin, green: green.origin, ...(shadow && { shadow }) };
  for (const [name, origin] of Object.entries(models)) {
    await ask("CreateModel", { ModelName: name, PrimaryContainer: { Image: `process:${origin}` } });
    await ask("CreateEndpointConfig", {
      EndpointConfigName: name,
      ProductionVariants: [variant("AllTraffic", name === "shadow" ? "blue" : name)],
      ...(name === "shadow" && { ShadowProductionVariants: [variant("Shadow", "shadow")] }),
    });
  }
  const first = shadow === undefined ? "blue" : "shadow";
  await ask("CreateEndpoint", { EndpointName: "birds", EndpointConfigName: first });
  const describe = () => ask("DescribeEndpoint", { EndpointName: "birds" });
  await rested(describe);
  return {
    world,
    clock,
    sagemaker,
    describe,
    /** Resolves when the first step is being watched, or the update is over. */
    update: async (DeploymentConfig: object) => {
      await ask("UpdateEndpoint", { EndpointName: "birds", EndpointConfigName: "green", DeploymentConfig });
      for (const limit = Date.now() + 10_000; Date.now() < limit; await settled()) {
        const { PendingDeploymentSummary: pending } = await describe();
        if (pending?.ProductionVariants[0].VariantStatus[0].Status !== "Creating") return;
      }
      throw new Error("the deployment does not begin");
    },
    answers: (count: number) =>
      Promise.all(
        Array.from({ length: count }, async () => {
          const { body } = await sagemaker.models.invoke("birds", { body: Buffer.from("x"), contentType: "text/csv" });
          return Buffer.from(body).toString();
        }),
      ),
  };
}

function policy(Type: string, size: object, WaitIntervalInSeconds = 60) {
  return {
    TrafficRoutingConfiguration: { Type, WaitIntervalInSeconds, ...size },
    TerminationWaitInSeconds: 30,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: tests read members of many different answers
async function rested(describe: () => Promise<any>): Promise<any> {
  for (const limit = Date.now() + 10_000; Date.now() < limit; await settled()) {
    const described = await describe();
    if (!["Creating", "Updating", "RollingBack"].includes(described.EndpointStatus)) return described;
  }
  throw new Error("the endpoint does not come to rest");
}

async function modelServer(answer: string, status = 200) {
  let asked = 0;
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      if (request.url === "/ping") return response.end();
      asked++;
      return response.writeHead(status, { "content-type": "text/plain" }).end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, asked: () => asked, close: () => void server.close() };
}
