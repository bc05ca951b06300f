// How a function's asynchronous events are treated: how often and how long they are tried, and who hears of the end.
import type {
  DestinationConfig,
  FunctionEventInvokeConfig,
  GetFunctionEventInvokeConfigRequest,
  ListFunctionEventInvokeConfigsRequest,
  PutFunctionEventInvokeConfigRequest,
} from "@aws-sdk/client-lambda";
import { Fault } from "../../kit/fault.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { destinationKind } from "./destinations.ts";
import type { FunctionRecords } from "./function-records.ts";
import { arnOf, type LambdaContext } from "./lambda-context.ts";
import { type FunctionName, parseFunctionName } from "./names.ts";
import { invalid } from "./settings.ts";

export interface EventInvokeConfig {
  functionArn: string;
  retryAttempts?: number;
  eventAgeSeconds?: number;
  destinations: { onSuccess?: string; onFailure?: string };
  modifiedMs: number;
}

/** As on AWS where nothing is configured: two more attempts, within six hours. */
export const defaultRetryAttempts = 2;
export const defaultEventAgeSeconds = 21_600;

const kind = "lambda-event-invoke-config";
const pageSize = 50;
const idOf = ({ name, qualifier = "$LATEST" }: FunctionName): string => `${name}:${qualifier}`;

export function eventInvokeConfigOf(resources: Resources, name: FunctionName): EventInvokeConfig | undefined {
  return resources.get<EventInvokeConfig>(kind, idOf(name))?.value;
}

/** With the function goes what was said about its events. */
export function deleteEventInvokeConfigs(resources: Resources, name: string): void {
  for (const { id } of resources.list(kind, { prefix: `${name}:` })) resources.delete(kind, id);
}

export function eventInvokeConfigHandlers({ resources, records, clock }: LambdaContext): Record<string, Handler> {
  function locate(input: GetFunctionEventInvokeConfigRequest, call: Call) {
    const wanted = parseFunctionName(input.FunctionName!, input.Qualifier);
    const arn = `${arnOf(call, wanted.name)}:${wanted.qualifier ?? "$LATEST"}`;
    return { wanted, arn, found: eventInvokeConfigOf(resources, wanted) };
  }

  function need(input: GetFunctionEventInvokeConfigRequest, call: Call) {
    const { wanted, arn, found } = locate(input, call);
    if (found === undefined) throw missing(`The function ${arn} doesn't have an EventInvokeConfig`);
    return { wanted, arn, found };
  }

  function keep(input: PutFunctionEventInvokeConfigRequest, call: Call, before?: EventInvokeConfig) {
    const { wanted, arn } = locate(input, call);
    const { MaximumRetryAttempts, MaximumEventAgeInSeconds, DestinationConfig: given } = input;
    if (MaximumRetryAttempts === undefined && MaximumEventAgeInSeconds === undefined && given === undefined) {
      throw invalid("You must specify at least one of error handling or destination setting.");
    }
    if (records.find(wanted.name) === undefined) throw missing("The function doesn't exist.");
    if (wanted.qualifier !== undefined) records.resolve(wanted, arn);
    if (given !== undefined) checkDestinations(records, wanted.name, given);
    const config: EventInvokeConfig = {
      functionArn: arn,
      retryAttempts: MaximumRetryAttempts ?? before?.retryAttempts,
      eventAgeSeconds: MaximumEventAgeInSeconds ?? before?.eventAgeSeconds,
      destinations: given === undefined ? (before?.destinations ?? {}) : destinationsOf(given),
      modifiedMs: clock.now(),
    };
    resources.put(kind, idOf(wanted), config);
    return answerOf(config);
  }

  return {
    PutFunctionEventInvokeConfig: (input: PutFunctionEventInvokeConfigRequest, call: Call) => keep(input, call),
    UpdateFunctionEventInvokeConfig: (input: PutFunctionEventInvokeConfigRequest, call: Call) =>
      keep(input, call, need(input, call).found),
    GetFunctionEventInvokeConfig: (input: GetFunctionEventInvokeConfigRequest, call: Call) =>
      answerOf(need(input, call).found),
    DeleteFunctionEventInvokeConfig(input: GetFunctionEventInvokeConfigRequest, call: Call) {
      resources.delete(kind, idOf(need(input, call).wanted));
      return {};
    },
    ListFunctionEventInvokeConfigs(input: ListFunctionEventInvokeConfigsRequest) {
      const { name } = parseFunctionName(input.FunctionName!);
      if (records.find(name) === undefined) throw missing("The function doesn't exist.");
      const limit = Math.min(input.MaxItems ?? pageSize, pageSize);
      const after = input.Marker || undefined;
      const rows = resources.list<EventInvokeConfig>(kind, { prefix: `${name}:`, after, limit: limit + 1 });
      const page = rows.slice(0, limit);
      return {
        FunctionEventInvokeConfigs: page.map(({ value }) => answerOf(value)),
        ...(rows.length > limit && { NextMarker: page.at(-1)!.id }),
      };
    },
  };
}

function answerOf(config: EventInvokeConfig): FunctionEventInvokeConfig {
  const { onSuccess, onFailure } = config.destinations;
  return {
    LastModified: new Date(config.modifiedMs),
    FunctionArn: config.functionArn,
    ...(config.retryAttempts !== undefined && { MaximumRetryAttempts: config.retryAttempts }),
    ...(config.eventAgeSeconds !== undefined && { MaximumEventAgeInSeconds: config.eventAgeSeconds }),
    DestinationConfig: {
      OnSuccess: onSuccess === undefined ? {} : { Destination: onSuccess },
      OnFailure: onFailure === undefined ? {} : { Destination: onFailure },
    },
  };
}

function destinationsOf({ OnSuccess, OnFailure }: DestinationConfig): EventInvokeConfig["destinations"] {
  return { onSuccess: OnSuccess?.Destination || undefined, onFailure: OnFailure?.Destination || undefined };
}

function checkDestinations(records: FunctionRecords, name: string, given: DestinationConfig): void {
  const { onSuccess, onFailure } = destinationsOf(given);
  const all = [onSuccess, onFailure].filter((arn) => arn !== undefined);
  if (all.some((arn) => destinationKind(arn) === undefined)) {
    const show = (label: string, arn?: string) => (arn === undefined ? "null" : `${label}(destination=${arn})`);
    const config = `onSuccess=${show("OnSuccess", onSuccess)}, onFailure=${show("OnFailure", onFailure)}`;
    throw invalid(`The provided destination config DestinationConfig(${config}) is invalid.`);
  }
  for (const arn of all.filter((one) => destinationKind(one) === "lambda")) {
    const target = parseFunctionName(arn).name;
    if (records.find(target) === undefined) throw invalid(`The destination ARN ${arn} is invalid.`);
    if (target === name) throw invalid("You can't specify the function as a destination for itself.");
  }
}

function missing(message: string): Fault {
  return new Fault("ResourceNotFoundException", message, { status: 404, members: { Type: "User" } });
}
