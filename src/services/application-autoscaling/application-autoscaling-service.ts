import type {
  DeleteScalingPolicyRequest,
  DeregisterScalableTargetRequest,
  DescribeScalableTargetsRequest,
  DescribeScalableTargetsResponse,
  DescribeScalingActivitiesRequest,
  DescribeScalingActivitiesResponse,
  DescribeScalingPoliciesRequest,
  DescribeScalingPoliciesResponse,
  ListTagsForResourceRequest,
  PutScalingPolicyRequest,
  PutScalingPolicyResponse,
  RegisterScalableTargetRequest,
  RegisterScalableTargetResponse,
  TagResourceRequest,
  UntagResourceRequest,
} from "@aws-sdk/client-application-auto-scaling";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { EndpointLoads } from "../../ports/endpoint-loads.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Service } from "../../wire/service.ts";
import { dimension, invalid, namespace, type StoredTarget, scalingRecords, variantOf } from "./records.ts";
import { isMeasured, scalingLoop } from "./scaling-loop.ts";

export interface ApplicationAutoscalingOptions {
  resources: Resources;
  loads: EndpointLoads;
  operations: Operations;
  clock: Clock;
  report: (message: string, error: unknown) => void;
}

export interface ApplicationAutoscalingService extends Service {
  /** Begins to scale. Call once, when the endpoints are there. */
  start(): void;
  close(): Promise<void>;
}

const defaultPageSize = 50;

/** Application Auto Scaling for the variants of endpoints: target tracking within a minimum and a maximum. */
export function applicationAutoscalingService(options: ApplicationAutoscalingOptions): ApplicationAutoscalingService {
  const { resources, clock, loads } = options;
  const records = scalingRecords(resources);
  const loop = scalingLoop({ ...options, records });

  function registerScalableTarget(input: RegisterScalableTargetRequest, call: Call): RegisterScalableTargetResponse {
    const variant = variantOf(input);
    const { resourceId, endpointName, variantName } = variant;
    const before = records.target(resourceId);
    const min = input.MinCapacity ?? before?.min;
    const max = input.MaxCapacity ?? before?.max;
    if (min === undefined || max === undefined) {
      throw invalid("MinCapacity and MaxCapacity are required to register a scalable target.");
    }
    if (min > max) throw invalid("Maximum capacity cannot be less than minimum capacity.");
    if (min < 1) throw invalid("MinCapacity of an endpoint's variant must be at least 1.");
    const isThere = loads
      .loads()
      .some((load) => load.endpointName === endpointName && load.variantName === variantName);
    if (!isThere) throw invalid(`Could not find variant "${variantName}" of an endpoint "${endpointName}" in service.`);
    const id = clock.uuid().replaceAll("-", "");
    const target: StoredTarget = {
      ...variant,
      min,
      max,
      roleArn: before?.roleArn ?? input.RoleARN ?? serviceRole(call),
      arn: before?.arn ?? `arn:aws:application-autoscaling:${call.region}:${call.accountId}:scalable-target/${id}`,
      createdMs: before?.createdMs ?? clock.now(),
      suspended: { ...notSuspended, ...before?.suspended, ...input.SuspendedState },
      tags: { ...before?.tags, ...input.Tags },
      ...(before?.lastScaledMs === undefined ? {} : { lastScaledMs: before.lastScaledMs }),
    };
    records.putTarget(target);
    return { ScalableTargetARN: target.arn };
  }

  function putScalingPolicy(input: PutScalingPolicyRequest, call: Call): PutScalingPolicyResponse {
    const { resourceId } = variantOf(input);
    if (records.target(resourceId) === undefined) throw noTarget(resourceId);
    const configuration = input.TargetTrackingScalingPolicyConfiguration;
    if (input.PolicyType !== "TargetTrackingScaling" || configuration === undefined) {
      throw invalid(
        "Only policies of PolicyType TargetTrackingScaling are supported by Scones (see COMPATIBILITY.md).",
      );
    }
    const { PredefinedMetricSpecification: predefined, CustomizedMetricSpecification: custom } = configuration;
    if ((predefined === undefined) === (custom === undefined)) {
      throw invalid("Give either a PredefinedMetricSpecification or a CustomizedMetricSpecification.");
    }
    if (predefined !== undefined && !isMeasured(predefined.PredefinedMetricType)) {
      throw invalid(`The metric ${predefined.PredefinedMetricType} is not one of an endpoint's variant.`);
    }
    if (custom !== undefined && (custom.Metrics !== undefined || custom.MetricName === undefined)) {
      throw invalid("A CustomizedMetricSpecification must name one metric; expressions are not supported by Scones.");
    }
    if ((configuration.TargetValue as number) <= 0) throw invalid("TargetValue must be greater than 0.");
    const name = input.PolicyName as string;
    const before = records.policy(resourceId, name);
    const { region, accountId } = call;
    const arn =
      before?.arn ??
      `arn:aws:autoscaling:${region}:${accountId}:scalingPolicy:${clock.uuid()}:resource/${namespace}/${resourceId}:policyName/${name}`;
    records.putPolicy({ name, arn, resourceId, createdMs: before?.createdMs ?? clock.now(), configuration });
    return { PolicyARN: arn, Alarms: [] };
  }

  return {
    name: "application-autoscaling",
    handlers: {
      RegisterScalableTarget: registerScalableTarget,
      DescribeScalableTargets: (input: DescribeScalableTargetsRequest): DescribeScalableTargetsResponse => {
        const wanted = records.targets().filter(({ resourceId }) => input.ResourceIds?.includes(resourceId) ?? true);
        const { page, NextToken } = pageOf(isOurs(input) ? wanted : [], input);
        return {
          ScalableTargets: page.map((target) => ({
            ...place(target.resourceId),
            MinCapacity: target.min,
            MaxCapacity: target.max,
            RoleARN: target.roleArn,
            CreationTime: new Date(target.createdMs),
            SuspendedState: target.suspended,
            ScalableTargetARN: target.arn,
          })),
          NextToken,
        };
      },
      DeregisterScalableTarget: (input: DeregisterScalableTargetRequest): object => {
        const { resourceId } = variantOf(input);
        if (!records.deleteTarget(resourceId)) throw noTarget(resourceId);
        return {};
      },
      PutScalingPolicy: putScalingPolicy,
      DescribeScalingPolicies: (input: DescribeScalingPoliciesRequest): DescribeScalingPoliciesResponse => {
        const wanted = records
          .policies()
          .filter(
            ({ name, resourceId }) =>
              (input.PolicyNames?.includes(name) ?? true) && resourceId === (input.ResourceId ?? resourceId),
          );
        const { page, NextToken } = pageOf(isOurs(input) ? wanted : [], input);
        return {
          ScalingPolicies: page.map((policy) => ({
            PolicyARN: policy.arn,
            PolicyName: policy.name,
            ...place(policy.resourceId),
            PolicyType: "TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration: policy.configuration,
            Alarms: [],
            CreationTime: new Date(policy.createdMs),
          })),
          NextToken,
        };
      },
      DeleteScalingPolicy: (input: DeleteScalingPolicyRequest): object => {
        const { resourceId } = variantOf(input);
        if (!records.deletePolicy(resourceId, input.PolicyName as string)) {
          throw new Fault(
            "ObjectNotFoundException",
            `No scaling policy found for service namespace: ${namespace}, resource ID: ${resourceId}, scalable dimension: ${dimension}, policy name: ${input.PolicyName}`,
          );
        }
        return {};
      },
      DescribeScalingActivities: (input: DescribeScalingActivitiesRequest): DescribeScalingActivitiesResponse => {
        const wanted = records
          .activities()
          .filter(({ resourceId }) => resourceId === (input.ResourceId ?? resourceId))
          .map((activity) => ({ ...activity, name: activity.id }));
        const { page, NextToken } = pageOf(isOurs(input) ? wanted : [], input);
        return {
          ScalingActivities: page.map((activity) => ({
            ActivityId: activity.id,
            ...place(activity.resourceId),
            Description: activity.description,
            Cause: activity.cause,
            StartTime: new Date(activity.startedMs),
            ...(activity.endedMs === undefined ? {} : { EndTime: new Date(activity.endedMs) }),
            StatusCode: activity.status,
            ...(activity.message === undefined ? {} : { StatusMessage: activity.message }),
          })),
          NextToken,
        };
      },
      ListTagsForResource: ({ ResourceARN }: ListTagsForResourceRequest) => ({ Tags: tagged(ResourceARN).tags }),
      TagResource: ({ ResourceARN, Tags }: TagResourceRequest): object => {
        records.putTarget(withTags(tagged(ResourceARN), { ...tagged(ResourceARN).tags, ...Tags }));
        return {};
      },
      UntagResource: ({ ResourceARN, TagKeys }: UntagResourceRequest): object => {
        const target = tagged(ResourceARN);
        const left = Object.entries(target.tags).filter(([key]) => !TagKeys?.includes(key));
        records.putTarget(withTags(target, Object.fromEntries(left)));
        return {};
      },
    },
    start: loop.start,
    close: loop.close,
  };

  function tagged(arn: string | undefined): StoredTarget {
    const target = records.targets().find((one) => one.arn === arn);
    if (target !== undefined) return target;
    throw new Fault("ResourceNotFoundException", `No scalable target found for ARN: ${arn}`, { status: 404 });
  }
}

const notSuspended = {
  DynamicScalingInSuspended: false,
  DynamicScalingOutSuspended: false,
  ScheduledScalingSuspended: false,
};

function withTags(target: StoredTarget, tags: Record<string, string>): StoredTarget {
  return { ...target, tags };
}

function place(resourceId: string) {
  return { ServiceNamespace: namespace, ResourceId: resourceId, ScalableDimension: dimension } as const;
}

/** Whether a description asks for what is kept here; of all other services there is nothing. */
function isOurs({ ServiceNamespace, ScalableDimension = dimension }: DescribeScalingPoliciesRequest): boolean {
  return ServiceNamespace === namespace && ScalableDimension === dimension;
}

/** The token is where the next page begins. */
function pageOf<T>(all: readonly T[], { MaxResults = defaultPageSize, NextToken }: DescribeScalingPoliciesRequest) {
  const from = NextToken === undefined ? 0 : Number(NextToken);
  if (!Number.isInteger(from) || from < 0) throw new Fault("InvalidNextTokenException", "NextToken is not valid.");
  const next = from + MaxResults;
  return { page: all.slice(from, next), NextToken: next < all.length ? String(next) : undefined };
}

function noTarget(resourceId: string): Fault {
  return new Fault(
    "ObjectNotFoundException",
    `No scalable target found for service namespace: ${namespace}, resource ID: ${resourceId}, scalable dimension: ${dimension}`,
  );
}

function serviceRole({ accountId }: Call): string {
  return `arn:aws:iam::${accountId}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint`;
}
