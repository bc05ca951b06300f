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
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import type { EndpointFleet } from "./endpoint-fleet.ts";
import { type ListInput, listPage } from "./list-page.ts";
import { alreadyExists, arnOf, invalid, kindOf, notFound, notSupported } from "./resource-names.ts";
import { describeEndpoint, type Snapshot, type StoredEndpoint, snapshotOf } from "./stored-endpoint.ts";
import { addTags } from "./tags.ts";

const kind = kindOf("endpoint");

export interface EndpointHandlerOptions {
  resources: Resources;
  clock: Clock;
  fleet: EndpointFleet;
  onChange: (endpoint: StoredEndpoint) => void;
}

export function endpointHandlers(options: EndpointHandlerOptions): Record<string, Handler> {
  return {
    CreateEndpoint: (input: CreateEndpointInput, call: Call) => createEndpoint(options, input, call),
    DescribeEndpoint: ({ EndpointName }: DescribeEndpointInput, call: Call): DescribeEndpointOutput =>
      describeEndpoint(findEndpoint(options.resources, EndpointName as string, call)),
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
  checkDeployment(input.DeploymentConfig);
  const nowMs = clock.now();
  const arn = arnOf("endpoint", name, call);
  const endpoint: StoredEndpoint = {
    name,
    arn,
    region: call.region,
    accountId: call.accountId,
    status: "Creating",
    createdMs: nowMs,
    modifiedMs: nowMs,
    pending: snapshotOf(resources, input.EndpointConfigName as string, { call, nowMs, uuid: clock.uuid() }),
  };
  resources.transaction(() => {
    if (!resources.create(kind, name, endpoint)) throw alreadyExists("endpoint", name, call);
    addTags(resources, arn, input.Tags ?? []);
  });
  onChange(endpoint);
  fleet.deploy(name);
  return { EndpointArn: arn };
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
  const { resources, clock, fleet, onChange } = options;
  const name = input.EndpointName as string;
  checkDeployment(input.DeploymentConfig);
  const endpoint = findSettled(resources, name, call);
  const fresh = { call, nowMs: clock.now(), uuid: clock.uuid() };
  const pending = snapshotOf(resources, input.EndpointConfigName as string, fresh);
  if (input.RetainAllVariantProperties === true) retainProperties(pending, endpoint.current, input);
  const changed: StoredEndpoint = {
    ...endpoint,
    status: endpoint.current === undefined ? "Creating" : "Updating",
    modifiedMs: fresh.nowMs,
    pending,
    ...(input.DeploymentConfig === undefined ? {} : { deployment: input.DeploymentConfig }),
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
  const known = endpoint.current.variants;
  const unknown = desired.find(({ VariantName }) => known.every((variant) => variant.name !== VariantName));
  if (unknown !== undefined) throw invalid(`Endpoint ${name} has no production variant ${unknown.VariantName}.`);
  const variants = known.map((variant) => {
    const change = desired.find(({ VariantName }) => VariantName === variant.name);
    return {
      ...variant,
      weight: change?.DesiredWeight ?? variant.weight,
      instanceCount: change?.DesiredInstanceCount ?? variant.instanceCount,
    };
  });
  const current = { ...endpoint.current, variants };
  const changed: StoredEndpoint = { ...endpoint, status: "Updating", modifiedMs: clock.now(), current };
  resources.put(kind, name, changed);
  onChange(changed);
  fleet.adjust(
    name,
    variants.map(({ name: variantName, weight, instanceCount }) => ({ variantName, weight, workers: instanceCount })),
  );
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
  if (["Creating", "Updating", "Deleting"].includes(endpoint.status)) {
    throw invalid(`Cannot update in-progress endpoint "${endpoint.arn}".`);
  }
  return endpoint;
}

/** The whole fleet is replaced at once; whoever asks for steps or for rolling back on an alarm must not believe he has them. */
function checkDeployment(config: DeploymentConfig | undefined): void {
  const type = config?.BlueGreenUpdatePolicy?.TrafficRoutingConfiguration?.Type;
  if (type !== undefined && type !== "ALL_AT_ONCE") throw notSupported(`Traffic routing of type ${type}`);
  if (config?.RollingUpdatePolicy !== undefined) throw notSupported("RollingUpdatePolicy");
  if ((config?.AutoRollbackConfiguration?.Alarms?.length ?? 0) > 0) throw notSupported("AutoRollbackConfiguration");
}

function retainProperties(pending: Snapshot, current: Snapshot | undefined, input: UpdateEndpointInput): void {
  const excluded = (input.ExcludeRetainedVariantProperties ?? []).map(({ VariantPropertyType }) => VariantPropertyType);
  for (const variant of pending.variants) {
    const before = current?.variants.find(({ name }) => name === variant.name);
    if (before === undefined) continue;
    if (!excluded.includes("DesiredWeight")) variant.weight = before.weight;
    if (!excluded.includes("DesiredInstanceCount")) variant.instanceCount = before.instanceCount;
  }
  if (!excluded.includes("DataCaptureConfig") && current?.capture !== undefined) pending.capture = current.capture;
}
