import type { CapacitySize, DeploymentConfig, TrafficRoutingConfig } from "@aws-sdk/client-sagemaker";
import { invalid } from "./resource-names.ts";
import type { Snapshot } from "./stored-endpoint.ts";

/*
 * A DeploymentConfig as steps. Each step gives the new fleet a share of the requests and then watches it for a while ("baking");
 * a rolling step also moves capacity from the old fleet to the new one. After the last step the old fleet is kept, and the
 * alarms are still watched, for TerminationWaitInSeconds.
 */

export interface DeploymentPlan {
  steps: DeploymentStep[];
  /** Whether instances move with the requests; else both fleets stay whole until the end. */
  isRolling: boolean;
  /** How much capacity comes back at once when a rolling update is rolled back. */
  rollbackShare: number;
  terminationWaitMs: number;
  timeoutMs?: number;
  alarms: string[];
}

interface DeploymentStep {
  /** Of the requests, and of the instances where AWS counts them: above 0, at most 1. */
  share: number;
  kind: "full" | "canary" | "linear" | "batch";
  waitMs: number;
}

/** The default: all at once, and done. */
export function deploymentPlan(
  config: DeploymentConfig | undefined,
  instanceCounts: readonly number[],
): DeploymentPlan {
  const alarms = (config?.AutoRollbackConfiguration?.Alarms ?? []).map(({ AlarmName }) => AlarmName as string);
  const { BlueGreenUpdatePolicy: blueGreen, RollingUpdatePolicy: rolling } = config ?? {};
  const instances = Math.min(...instanceCounts);
  if (rolling !== undefined) {
    const share = shareOf(rolling.MaximumBatchSize, "MaximumBatchSize", { instances, atLeast: 5 });
    const back = rolling.RollbackMaximumBatchSize;
    return {
      steps: stepsOf(share, "batch", seconds(rolling.WaitIntervalInSeconds)),
      isRolling: true,
      rollbackShare: back === undefined ? 1 : fractionOf(back, instances),
      terminationWaitMs: 0,
      ...timeoutOf(rolling.MaximumExecutionTimeoutInSeconds),
      alarms,
    };
  }
  return {
    steps: blueGreenSteps(blueGreen?.TrafficRoutingConfiguration, instances),
    isRolling: false,
    rollbackShare: 1,
    terminationWaitMs: seconds(blueGreen?.TerminationWaitInSeconds),
    ...timeoutOf(blueGreen?.MaximumExecutionTimeoutInSeconds),
    alarms,
  };
}

/** Refuses what AWS refuses; its texts were never recorded. */
export function checkDeploymentConfig(config: DeploymentConfig | undefined, { variants }: Snapshot): void {
  if (config === undefined) return;
  const instanceCounts = variants.map(({ instanceCount }) => instanceCount);
  if (config.BlueGreenUpdatePolicy !== undefined && config.RollingUpdatePolicy !== undefined) {
    throw invalid("Only one update policy can be specified: BlueGreenUpdatePolicy or RollingUpdatePolicy.");
  }
  const names = (config.AutoRollbackConfiguration?.Alarms ?? []).map(({ AlarmName }) => AlarmName);
  if (names.includes(undefined)) throw invalid("Every alarm of AutoRollbackConfiguration needs an AlarmName.");
  const plan = deploymentPlan(config, instanceCounts);
  const waitMs = plan.steps.reduce((sum, step) => sum + step.waitMs, plan.terminationWaitMs);
  if (plan.timeoutMs !== undefined && plan.timeoutMs <= waitMs) {
    throw invalid(
      `MaximumExecutionTimeoutInSeconds (${plan.timeoutMs / 1000}) must be larger than the total waiting time of the deployment (${waitMs / 1000} seconds).`,
    );
  }
}

function blueGreenSteps(routing: TrafficRoutingConfig | undefined, instances: number): DeploymentStep[] {
  const type = routing?.Type ?? "ALL_AT_ONCE";
  const { CanarySize, LinearStepSize } = routing ?? {};
  if (CanarySize !== undefined && type !== "CANARY") throw invalid(`CanarySize cannot be specified with type ${type}.`);
  if (LinearStepSize !== undefined && type !== "LINEAR") {
    throw invalid(`LinearStepSize cannot be specified with type ${type}.`);
  }
  const waitMs = seconds(routing?.WaitIntervalInSeconds);
  switch (type) {
    case "CANARY": {
      const share = shareOf(CanarySize, "CanarySize", { instances, atLeast: 0 });
      return [
        { share, kind: "canary", waitMs },
        { share: 1, kind: "full", waitMs: 0 },
      ];
    }
    case "LINEAR":
      return stepsOf(shareOf(LinearStepSize, "LinearStepSize", { instances, atLeast: 10 }), "linear", waitMs);
    case "ALL_AT_ONCE":
      return [{ share: 1, kind: "full", waitMs }];
    default:
      throw invalid(`Traffic routing type ${type} is none of ALL_AT_ONCE, CANARY, LINEAR.`);
  }
}

/** Equal steps up to everything. WaitIntervalInSeconds lies between linear steps, and after each batch of a rolling update. */
function stepsOf(size: number, kind: DeploymentStep["kind"], waitMs: number): DeploymentStep[] {
  const count = Math.ceil(1 / size - 1e-9);
  return Array.from({ length: count }, (_, i) => {
    const isLast = i === count - 1;
    return { share: isLast ? 1 : (i + 1) * size, kind, waitMs: isLast && kind === "linear" ? 0 : waitMs };
  });
}

function shareOf(
  size: CapacitySize | undefined,
  name: string,
  { instances, atLeast }: { instances: number; atLeast: number },
): number {
  if (size === undefined) throw invalid(`${name} is required for this update policy.`);
  const share = fractionOf(size, instances);
  if (share > 0.5 || share * 100 < atLeast) {
    const range = atLeast === 0 ? "at most 50%" : `between ${atLeast}% and 50%`;
    throw invalid(
      `${name} of ${size.Value} (${size.Type}) is invalid: it must be ${range} of the variant's total instance count of ${instances}.`,
    );
  }
  return share;
}

function fractionOf({ Type, Value }: CapacitySize, instances: number): number {
  return Type === "INSTANCE_COUNT" ? (Value as number) / instances : (Value as number) / 100;
}

function timeoutOf(value: number | undefined): { timeoutMs?: number } {
  return value === undefined ? {} : { timeoutMs: value * 1000 };
}

function seconds(value: number | undefined): number {
  return (value ?? 0) * 1000;
}
