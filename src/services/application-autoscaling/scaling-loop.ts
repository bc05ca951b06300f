import type { PredefinedMetricSpecification } from "@aws-sdk/client-application-auto-scaling";
import type { Datapoint } from "@aws-sdk/client-cloudwatch";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { EndpointLoads, VariantLoad } from "../../ports/endpoint-loads.ts";
import type { Operations } from "../../ports/operations.ts";
import type { ScalingRecords, StoredPolicy, StoredTarget } from "./records.ts";
import { rememberedMs, type Sample, type TrackingPolicy, trackTarget } from "./target-tracking.ts";

/*
 * Looks at every scalable variant every ten seconds, and changes its number of instances through the same operation that a
 * person would use. What was measured is kept in memory only: after a restart scaling in waits its fifteen minutes anew.
 * Variants whose config has ManagedInstanceScaling are scaled without a policy, by the requests that are being answered or wait.
 */

export interface ScalingLoopOptions {
  records: ScalingRecords;
  loads: EndpointLoads;
  operations: Operations;
  clock: Clock;
  report: (message: string, error: unknown) => void;
}

const everyMs = 10_000;
/** As Application Auto Scaling's default for SageMaker. */
const defaultCooldownSeconds = 300;
/** Outstanding requests per instance of a managed variant: two batches, one that runs and one that waits. */
const managedTarget = 16;

const managedPolicy: TrackingPolicy = {
  targetValue: managedTarget,
  scaleOutCooldownMs: 60_000,
  scaleInCooldownMs: defaultCooldownSeconds * 1000,
  mayScaleIn: true,
};

/** The metrics of variants that are measured here; any other is read from CloudWatch. */
type Measure = (load: VariantLoad) => { counter: number } | { gauge: number };

const measures: Partial<Record<NonNullable<PredefinedMetricSpecification["PredefinedMetricType"]>, Measure>> = {
  SageMakerVariantInvocationsPerInstance: ({ invocations }) => ({ counter: invocations }),
  SageMakerVariantConcurrentRequestsPerModelHighResolution: ({ outstanding }) => ({ gauge: outstanding }),
};

export function isMeasured(type: string | undefined): boolean {
  return type !== undefined && type in measures;
}

export function scalingLoop({ records, loads, operations, clock, report }: ScalingLoopOptions) {
  const series = new Map<string, { samples: Sample[]; counter?: number }>();
  const managedSince = new Map<string, number>();
  let cancel: (() => void) | undefined;
  let turn = Promise.resolve();

  async function look(): Promise<void> {
    const running = new Map(loads.loads().map((load) => [resourceIdOf(load), load]));
    const used = new Set<string>();
    for (const policy of records.policies()) {
      const target = records.target(policy.resourceId);
      const load = running.get(policy.resourceId);
      if (target === undefined || load === undefined) continue;
      const key = `${policy.resourceId} ${policy.name}`;
      used.add(key);
      const samples = await sample(key, load, policy);
      if (load.isSettled) await scaleByPolicy(target, load, { policy, samples });
    }
    const registered = new Set(records.targets().map(({ resourceId }) => resourceId));
    for (const [resourceId, load] of running) {
      if (load.managed === undefined || registered.has(resourceId)) continue;
      used.add(resourceId);
      const samples = remember(resourceId, load.outstanding);
      if (load.isSettled) await scaleManaged(resourceId, load, samples);
    }
    for (const key of series.keys()) if (!used.has(key)) series.delete(key);
  }

  async function sample(key: string, load: VariantLoad, { configuration }: StoredPolicy): Promise<Sample[]> {
    const { PredefinedMetricSpecification: predefined, CustomizedMetricSpecification: custom } = configuration;
    const measured = predefined && measures[predefined.PredefinedMetricType as string as keyof typeof measures]?.(load);
    if (measured === undefined) {
      const value = await lastValue(custom ?? {});
      return value === undefined ? [] : remember(key, value * load.instances); // such metrics are per instance
    }
    if ("gauge" in measured) return remember(key, measured.gauge);
    const before = series.get(key)?.counter;
    const isComparable = before !== undefined && before <= measured.counter;
    // Per minute, as AWS counts invocations.
    const samples = isComparable ? remember(key, (measured.counter - before) * (60_000 / everyMs)) : [];
    const entry = series.get(key) ?? { samples: [] };
    series.set(key, { ...entry, counter: measured.counter });
    return samples;
  }

  function remember(key: string, total: number): Sample[] {
    const atMs = clock.now();
    const entry = series.get(key) ?? { samples: [] };
    entry.samples.push({ atMs, total });
    // One more than the window, which shows that the window is full.
    while (entry.samples.length > 1 && (entry.samples[1] as Sample).atMs <= atMs - rememberedMs) entry.samples.shift();
    series.set(key, entry);
    return entry.samples;
  }

  async function lastValue(metric: NonNullable<StoredPolicy["configuration"]["CustomizedMetricSpecification"]>) {
    const endMs = clock.now();
    const { output } = await operations.call("monitoring", "GetMetricStatistics", {
      Namespace: metric.Namespace,
      MetricName: metric.MetricName,
      Dimensions: metric.Dimensions ?? [],
      Statistics: [metric.Statistic],
      Period: 60,
      StartTime: new Date(endMs - 180_000),
      EndTime: new Date(endMs),
    });
    const points = (output["Datapoints"] ?? []) as Datapoint[];
    const last = points.toSorted((a, b) => Number(a.Timestamp) - Number(b.Timestamp)).at(-1);
    return last?.[metric.Statistic as "Average" | "Maximum" | "Minimum" | "SampleCount" | "Sum"];
  }

  async function scaleByPolicy(
    target: StoredTarget,
    load: VariantLoad,
    { policy, samples }: { policy: StoredPolicy; samples: readonly Sample[] },
  ): Promise<void> {
    const { TargetValue, ScaleInCooldown, ScaleOutCooldown, DisableScaleIn } = policy.configuration;
    const tracking: TrackingPolicy = {
      targetValue: TargetValue as number,
      scaleOutCooldownMs: (ScaleOutCooldown ?? defaultCooldownSeconds) * 1000,
      scaleInCooldownMs: (ScaleInCooldown ?? defaultCooldownSeconds) * 1000,
      mayScaleIn: DisableScaleIn !== true,
    };
    const { min, max, lastScaledMs, suspended } = target;
    const decision = trackTarget(samples, tracking, { instances: load.instances, min, max, lastScaledMs });
    if (decision === undefined) return;
    const isOut = decision.instances > load.instances;
    if (isOut ? suspended.DynamicScalingOutSuspended : suspended.DynamicScalingInSuspended) return;
    const cause = `policy ${policy.name} measured ${decision.value.toFixed(2)} per instance against its target of ${TargetValue}`;
    if (await setInstances(load, decision.instances, cause)) {
      records.updateTarget(target.resourceId, (stored) => ({ ...stored, lastScaledMs: clock.now() }));
    }
  }

  async function scaleManaged(resourceId: string, load: VariantLoad, samples: readonly Sample[]): Promise<void> {
    const { min, max } = load.managed as { min: number; max: number };
    const lastScaledMs = managedSince.get(resourceId);
    const decision = trackTarget(samples, managedPolicy, { instances: load.instances, min, max, lastScaledMs });
    if (decision === undefined) return;
    const cause = `ManagedInstanceScaling measured ${decision.value.toFixed(2)} outstanding requests per instance against ${managedTarget}`;
    if (await setInstances(load, decision.instances, cause)) managedSince.set(resourceId, clock.now());
  }

  async function setInstances(load: VariantLoad, instances: number, cause: string): Promise<boolean> {
    const activity = {
      id: `${clock.now().toString(16).padStart(12, "0")}-${clock.uuid()}`,
      resourceId: resourceIdOf(load),
      description: `Setting desired instance count to ${instances}.`,
      cause,
      startedMs: clock.now(),
    };
    try {
      await operations.call("sagemaker", "UpdateEndpointWeightsAndCapacities", {
        EndpointName: load.endpointName,
        DesiredWeightsAndCapacities: [{ VariantName: load.variantName, DesiredInstanceCount: instances }],
      });
    } catch (error) {
      if (!(error instanceof Fault)) throw error; // the endpoint is being changed by somebody else: the next look decides again
      records.putActivity({ ...activity, status: "Failed", endedMs: clock.now(), message: error.message });
      return false;
    }
    const message = `Successfully set desired instance count to ${instances}.`;
    records.putActivity({ ...activity, status: "Successful", endedMs: clock.now(), message });
    return true;
  }

  function lookLater(): void {
    cancel = clock.schedule(everyMs, () => {
      turn = look()
        .catch((error: unknown) => report("scaling endpoints", error))
        .then(() => {
          if (cancel !== undefined) lookLater();
        });
    });
  }

  return {
    start: lookLater,
    close: async () => {
      cancel?.();
      cancel = undefined;
      await turn;
    },
  };
}

function resourceIdOf({ endpointName, variantName }: VariantLoad): string {
  return `endpoint/${endpointName}/variant/${variantName}`;
}
