// AWS Lambda over the room of function environments: what AWS calls things, and where they are kept.
import { join } from "node:path";
import type { InvocationRequest } from "@aws-sdk/client-lambda";
import type { FunctionEnvironments } from "../../functions/function-environments.ts";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Functions } from "../../ports/functions.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler, Service } from "../../wire/service.ts";
import { accountHandlers } from "./account-settings.ts";
import { aliasHandlers } from "./aliases.ts";
import { asyncInvocations } from "./async-invocations.ts";
import { attributeHandlers } from "./attributes.ts";
import { type CodeStore, codeStore } from "./code-store.ts";
import { destinationQueue } from "./destinations.ts";
import { eventInvokeConfigHandlers } from "./event-invoke-configs.ts";
import { eventSourceMappings } from "./event-source-mappings.ts";
import { functionMetrics } from "./function-metrics.ts";
import { functionRecords } from "./function-records.ts";
import { invokeFunction } from "./invoke-function.ts";
import { streamHandlers } from "./invoke-with-response-stream.ts";
import type { LambdaContext } from "./lambda-context.ts";
import { readHandlers } from "./read-functions.ts";
import { writeHandlers } from "./write-functions.ts";

export interface LambdaServiceOptions {
  resources: Resources;
  blobs: Blobs;
  /** Owned by the caller, who closes them after this service. */
  environments: FunctionEnvironments;
  /** Where events come from and outcomes go: queues, topics, the event bus. */
  operations: Operations;
  /** Told how functions do. */
  metrics: Metrics;
  clock: Clock;
  /** A folder of our own: the functions' code. */
  folder: string;
  /** For calls from inside, which name no account or region. */
  region: string;
  accountId: string;
  /** Background work that failed. */
  report?: (text: string) => void;
}

export interface LambdaService {
  service: Service;
  functions: Functions;
  /** Answers downloads of code, which are no operations; false for everything else. */
  answer: CodeStore["answer"];
  /** Goes on with asynchronous events of an earlier run and with event sources; call it once everything that functions may call is there. */
  start(): void;
  /** May be called twice. */
  close(): Promise<void>;
}

export function lambdaService(options: LambdaServiceOptions): LambdaService {
  const { resources, blobs, environments, operations, clock, report = () => {} } = options;
  const records = functionRecords(resources);
  const code = codeStore(join(options.folder, "code"));
  const metrics = functionMetrics(options.metrics);
  const invoke = invokeFunction({ records, code, environments, clock, metrics });
  const destinations = destinationQueue({ resources, operations, clock, report, region: options.region });
  const asynchronous = asyncInvocations({ resources, records, clock, invoke, destinations, report });
  const context: LambdaContext = {
    ...{ resources, records, blobs, code, environments, clock, metrics, report },
    invokeFunction: invoke,
    asynchronous,
  };
  const sources = eventSourceMappings(context, operations);

  const functions: Functions = {
    async invoke(name, payload, { invocationType, clientContext, signal } = {}) {
      const { region, accountId } = options;
      const request = {
        functionName: name,
        payload,
        clientContext,
        signal,
        region,
        accountId,
        requestId: clock.uuid(),
      };
      if (invocationType !== "Event") return await invoke.run(request);
      asynchronous.accept(request);
      return { payload: new Uint8Array(), executedVersion: "$LATEST", requestId: request.requestId, logTail: "" };
    },
  };

  return {
    service: {
      name: "lambda",
      handlers: {
        ...writeHandlers(context),
        ...readHandlers(context),
        ...aliasHandlers(context),
        ...attributeHandlers(context),
        ...eventInvokeConfigHandlers(context),
        ...accountHandlers(context),
        ...sources.handlers,
        ...streamHandlers(context),
        Invoke: invokeHandler(context),
      },
    },
    functions,
    answer: code.answer,
    start() {
      asynchronous.resume();
      sources.start();
    },
    async close() {
      sources.close();
      asynchronous.close();
      await destinations.close();
    },
  };
}

function invokeHandler({ invokeFunction, asynchronous }: LambdaContext): Handler {
  return async (input: InvocationRequest, call: Call) => {
    const { FunctionName, Qualifier, ClientContext, InvocationType, LogType, Payload } = input;
    const request = {
      ...{ functionName: FunctionName!, qualifier: Qualifier, clientContext: ClientContext },
      payload: (Payload as Uint8Array | undefined) ?? new Uint8Array(),
      ...{ requestId: call.requestId, region: call.region, accountId: call.accountId, signal: call.signal },
    };
    if (InvocationType === "DryRun") {
      invokeFunction.check(request);
      return { StatusCode: 204 };
    }
    if (InvocationType === "Event") {
      asynchronous.accept(request);
      return { StatusCode: 202 };
    }
    const result = await invokeFunction.run(request);
    return {
      StatusCode: 200,
      ...(result.functionError && { FunctionError: result.functionError }),
      ...(LogType === "Tail" && { LogResult: Buffer.from(result.logTail).toString("base64") }),
      Payload: result.payload,
      ExecutedVersion: result.executedVersion,
    };
  };
}
