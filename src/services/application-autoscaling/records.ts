import type {
  PutScalingPolicyRequest,
  ScalableTarget,
  TargetTrackingScalingPolicyConfiguration,
} from "@aws-sdk/client-application-auto-scaling";
import { Fault } from "../../kit/fault.ts";
import type { Resources } from "../../ports/resources.ts";

/** What may be scaled, and its policies, as they are kept. Times are milliseconds. */
export interface StoredTarget {
  resourceId: string;
  endpointName: string;
  variantName: string;
  min: number;
  max: number;
  roleArn: string;
  arn: string;
  createdMs: number;
  suspended: NonNullable<ScalableTarget["SuspendedState"]>;
  tags: Record<string, string>;
  lastScaledMs?: number;
}

export interface StoredPolicy {
  name: string;
  arn: string;
  resourceId: string;
  createdMs: number;
  configuration: TargetTrackingScalingPolicyConfiguration;
}

export interface StoredActivity {
  id: string;
  resourceId: string;
  description: string;
  cause: string;
  startedMs: number;
  endedMs?: number;
  status: "InProgress" | "Successful" | "Failed";
  message?: string;
}

export const dimension = "sagemaker:variant:DesiredInstanceCount";
export const namespace = "sagemaker";

/** The newest activities are kept: more than a week of changes every few minutes. */
const maxActivities = 2_000;

const kinds = {
  target: "application-autoscaling/target",
  policy: "application-autoscaling/policy",
  activity: "application-autoscaling/activity",
};

export type ScalingRecords = ReturnType<typeof scalingRecords>;

export function scalingRecords(resources: Resources) {
  const values = <T>(kind: string) => resources.list<T>(kind).map(({ value }) => value);
  return {
    targets: () => values<StoredTarget>(kinds.target),
    target: (resourceId: string) => resources.get<StoredTarget>(kinds.target, resourceId)?.value,
    putTarget: (target: StoredTarget) => resources.put(kinds.target, target.resourceId, target),
    updateTarget: (resourceId: string, change: (target: StoredTarget) => StoredTarget) =>
      void resources.update(kinds.target, resourceId, change),
    /** With its policies, as AWS does. */
    deleteTarget: (resourceId: string) =>
      resources.transaction(() => {
        for (const { id, value } of resources.list<StoredPolicy>(kinds.policy)) {
          if (value.resourceId === resourceId) resources.delete(kinds.policy, id);
        }
        return resources.delete(kinds.target, resourceId);
      }),
    policies: () => values<StoredPolicy>(kinds.policy),
    policy: (resourceId: string, name: string) =>
      resources.get<StoredPolicy>(kinds.policy, policyId(resourceId, name))?.value,
    putPolicy: (policy: StoredPolicy) => resources.put(kinds.policy, policyId(policy.resourceId, policy.name), policy),
    deletePolicy: (resourceId: string, name: string) => resources.delete(kinds.policy, policyId(resourceId, name)),
    /** Newest first. */
    activities: () => values<StoredActivity>(kinds.activity).reverse(),
    putActivity: (activity: StoredActivity) => {
      resources.put(kinds.activity, activity.id, activity);
      const all = resources.list(kinds.activity);
      for (const { id } of all.slice(0, Math.max(0, all.length - maxActivities))) resources.delete(kinds.activity, id);
    },
  };
}

function policyId(resourceId: string, name: string): string {
  return `${resourceId}/policy/${name}`;
}

/** Endpoint and variant of `endpoint/NAME/variant/VARIANT`; only variants of endpoints are scaled here. */
export function variantOf(input: {
  ServiceNamespace?: PutScalingPolicyRequest["ServiceNamespace"];
  ResourceId?: string;
  ScalableDimension?: PutScalingPolicyRequest["ScalableDimension"];
}): { resourceId: string; endpointName: string; variantName: string } {
  const { ServiceNamespace, ResourceId = "", ScalableDimension } = input;
  if (ServiceNamespace !== namespace || ScalableDimension !== dimension) {
    throw invalid(
      `Scones scales ${namespace} resources in the dimension ${dimension}, not ${ServiceNamespace} in ${ScalableDimension} (see COMPATIBILITY.md).`,
    );
  }
  const match = /^endpoint\/([^/]+)\/variant\/([^/]+)$/.exec(ResourceId);
  if (match === null) throw invalid(`Unsupported resource type for service namespace: sagemaker: ${ResourceId}`);
  return { resourceId: ResourceId, endpointName: match[1] as string, variantName: match[2] as string };
}

export function invalid(message: string): Fault {
  return new Fault("ValidationException", message);
}
