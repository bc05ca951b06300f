import type {
  CreateEndpointInput,
  CreateEndpointOutput,
  DeleteEndpointInput,
  DeploymentConfig,
  DescribeEndpointInput,
  DescribeEndpointOutput,
  ListEndpointsInput,
  ListEndpointsOutput,
  UpdateEndpointInput,
  UpdateEndpointOutput,
  UpdateEndpointWeightsAndCapacitiesInput,
  UpdateEndpointWeightsAndCapacitiesOutput,
} from "@aws-sdk/client-sagemaker";
import type { Clock } from "../../ports/clock.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { checkDeploymentConfig } from "./deployment-plan.ts";
import { describeEndpoint } from "./describe-endpoint.ts";
import type { EndpointFleet } from "./endpoint-fleet.ts";
import { type ListInput, listPage } from "./list-page.ts";
import { alreadyExists, arnOf, invalid, kindOf, notFound } from "./resource-names.ts";
import {
  allVariants,
  type PendingSnapshot,
  type Snapshot,
  type SnapshotVariant,
  type StoredEndpoint,
  snapshotOf,
} from "./stored-endpoint.ts";
import { addTags } from "./tags.ts";

const kind = kindOf("endpoint");

export interface EndpointHandlerOptions {
  resources: Resources;
  clock: Clock;
  fleet: EndpointFleet;
  metrics?: Metrics;
  onChange: (endpoint: StoredEndpoint) => void;
}

export function endpointHandlers(options: EndpointHandlerOptions): Record<string, Handler> {
  return {
    CreateEndpoint: (input: CreateEndpointInput, call: Call) => createEndpoint(options, input, call),
    DescribeEndpoint: ({ EndpointName }: DescribeEndpointInput, call: Call): DescribeEndpointOutput =>
      describeEndpoint(findEndpoint(options.resources, EndpointName as string, call), {
        isFailingCaptures: options.fleet.isFailingCaptures(EndpointName as string),
      }),
    ListEndpoints: (input: ListEndpointsInput) => listEndpoints(options, input),
    UpdateEndpoint: (input: UpdateEndpointInput, call: Call) => updateEndpoint(options, input, call),
    UpdateEndpointWeightsAndCapacities: (input: UpdateEndpointWeightsAndCapacitiesInput, call: Call) =>
      updateWeightsAndCapacities(options, input, call),
    DeleteEndpoint: (input: DeleteEndpointInput, call: Call) => deleteEndpoint(options, input, call),
  };
}

function createEndpoint(options: EndpointHandlerOptions, input: CreateEndpointInput, call: Call): CreateEndpointOutput {
  const { resources, clock, fleet, onChange } = options;
  const name = input.EndpointName as string;
  const nowMs = clock.now();
  const arn = arnOf("endpoint", name, call);
  const snapshot = snapshotOf(resources, input.EndpointConfigName as string, { call, nowMs, uuid: clock.uuid() });
  checkDeploymentConfig(input.DeploymentConfig, snapshot);
  const endpoint: StoredEndpoint = {
    name,
    arn,
    region: call.region,
    accountId: call.accountId,
    status: "Creating",
    createdMs: nowMs,
    modifiedMs: nowMs,
    pending: pendingOf(snapshot, nowMs),
    ...(input.DeploymentConfig === undefined ? {} : { deployment: input.DeploymentConfig }),
  };
  resources.transaction(() => {
    const twin = nameWhateverCase(resources, name);
    if (twin !== undefined) throw alreadyExists("endpoint", twin, call);
    resources.put(kind, name, endpoint);
    addTags(resources, arn, input.Tags ?? []);
  });
  onChange(endpoint);
  fleet.deploy(name);
  return { EndpointArn: arn };
}

/** Names differ from each other by more than their case, though they are invoked by it. */
function nameWhateverCase(resources: Resources, name: string): string | undefined {
  const wanted = name.toLowerCase();
  return resources.list(kind).find(({ id }) => id.toLowerCase() === wanted)?.id;
}

function listEndpoints({ resources }: EndpointHandlerOptions, input: ListEndpointsInput): ListEndpointsOutput {
  const all = resources.list<StoredEndpoint>(kind).map(({ value }) => value);
  const { page, NextToken } = listPage(all, input as ListInput, "Descending");
  return {
    Endpoints: page.map((endpoint) => ({
      EndpointName: endpoint.name,
      EndpointArn: endpoint.arn,
      CreationTime: new Date(endpoint.createdMs),
      LastModifiedTime: new Date(endpoint.modifiedMs),
      EndpointStatus: endpoint.status,
    })),
    ...(NextToken === undefined ? {} : { NextToken }),
  };
}

function updateEndpoint(options: EndpointHandlerOptions, input: UpdateEndpointInput, call: Call): UpdateEndpointOutput {
  const { resources, clock, fleet, metrics, onChange } = options;
  const name = input.EndpointName as string;
  checkAlarms(metrics, input.DeploymentConfig);
  const endpoint = findSettled(resources, name, call);
  const nowMs = clock.now();
  const snapshot = snapshotOf(resources, input.EndpointConfigName as string, { call, nowMs, uuid: clock.uuid() });
  if (input.RetainAllVariantProperties === true) retainProperties(snapshot, endpoint.current, input);
  const deployment =
    input.DeploymentConfig ?? (input.RetainDeploymentConfig === true ? endpoint.deployment : undefined);
  checkDeploymentConfig(deployment, snapshot);
  const changed: StoredEndpoint = {
    ...endpoint,
    status: endpoint.current === undefined ? "Creating" : "Updating",
    modifiedMs: nowMs,
    pending: pendingOf(snapshot, nowMs, deployment),
    ...(deployment === undefined ? {} : { deployment }),
  };
  resources.put(kind, name, changed);
  onChange(changed);
  fleet.deploy(name);
  return { EndpointArn: endpoint.arn };
}

function updateWeightsAndCapacities(
  options: EndpointHandlerOptions,
  input: UpdateEndpointWeightsAndCapacitiesInput,
  call: Call,
): UpdateEndpointWeightsAndCapacitiesOutput {
  const { resources, clock, fleet, onChange } = options;
  const name = input.EndpointName as string;
  const endpoint = findSettled(resources, name, call);
  const desired = input.DesiredWeightsAndCapacities ?? [];
  if (endpoint.current === undefined) throw invalid(`Cannot update endpoint "${endpoint.arn}": it has failed.`);
  const known = allVariants(endpoint.current);
  const unknown = desired.find(({ VariantName }) => known.every((variant) => variant.name !== VariantName));
  if (unknown !== undefined) throw invalid(`Endpoint ${name} has no production variant ${unknown.VariantName}.`);
  const { variants, shadows } = endpoint.current;
  const change = (one: SnapshotVariant): SnapshotVariant => {
    const wanted = desired.find(({ VariantName }) => VariantName === one.name);
    if (wanted?.DesiredInstanceCount === 0) throw invalid(`Variant ${one.name} needs at least one instance.`);
    const { DesiredWeight: weight = one.weight, DesiredInstanceCount: instanceCount = one.instanceCount } =
      wanted ?? {};
    return wanted === undefined ? one : { ...one, desired: { weight, instanceCount } };
  };
  const current = {
    ...endpoint.current,
    variants: variants.map(change),
    ...(shadows && { shadows: shadows.map(change) }),
  };
  const changed: StoredEndpoint = { ...endpoint, status: "Updating", modifiedMs: clock.now(), current };
  resources.put(kind, name, changed);
  onChange(changed);
  fleet.adjust(name);
  return { EndpointArn: endpoint.arn };
}

function deleteEndpoint(options: EndpointHandlerOptions, input: DeleteEndpointInput, call: Call): object {
  const { resources, clock, fleet, onChange } = options;
  const name = input.EndpointName as string;
  const endpoint = findSettled(resources, name, call);
  const changed: StoredEndpoint = { ...endpoint, status: "Deleting", modifiedMs: clock.now() };
  resources.put(kind, name, changed);
  onChange(changed);
  fleet.remove(name);
  return {};
}

function findEndpoint(resources: Resources, name: string, call: Call): StoredEndpoint {
  const found = resources.get<StoredEndpoint>(kind, name);
  if (found === undefined) throw notFound("endpoint", name, call);
  return found.value;
}

/** An endpoint that nothing is being done to. */
function findSettled(resources: Resources, name: string, call: Call): StoredEndpoint {
  const endpoint = findEndpoint(resources, name, call);
  if (["Creating", "Updating", "RollingBack", "Deleting"].includes(endpoint.status)) {
    throw invalid(`Cannot update in-progress endpoint "${endpoint.arn}".`);
  }
  return endpoint;
}

/** An alarm that does not exist protects nobody; AWS's text was never recorded. */
function checkAlarms(metrics: Metrics | undefined, config: DeploymentConfig | undefined): void {
  const names = (config?.AutoRollbackConfiguration?.Alarms ?? []).flatMap(({ AlarmName }) => AlarmName ?? []);
  const states = metrics?.alarmStates(names);
  const missing = names.filter((name) => states?.has(name) !== true);
  if (missing.length > 0) throw invalid(`Could not find alarm(s) ${missing.join(", ")}.`);
}

function pendingOf(snapshot: Snapshot, nowMs: number, deployment?: DeploymentConfig): PendingSnapshot {
  const stage = { status: "Creating", share: 0, sinceMs: nowMs } as const;
  return { ...snapshot, startedMs: nowMs, stage, ...(deployment === undefined ? {} : { deployment }) };
}

function retainProperties(pending: Snapshot, current: Snapshot | undefined, input: UpdateEndpointInput): void {
  const excluded = (input.ExcludeRetainedVariantProperties ?? []).map(({ VariantPropertyType }) => VariantPropertyType);
  for (const variant of allVariants(pending)) {
    const before = current && allVariants(current).find(({ name }) => name === variant.name);
    if (before === undefined) continue;
    if (!excluded.includes("DesiredWeight")) variant.weight = before.weight;
    if (!excluded.includes("DesiredInstanceCount")) variant.instanceCount = before.instanceCount;
  }
  if (!excluded.includes("DataCaptureConfig") && current?.capture !== undefined) pending.capture = current.capture;
}
