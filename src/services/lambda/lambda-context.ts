import type { FunctionEnvironments } from "../../functions/function-environments.ts";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call } from "../../wire/service.ts";
import type { AsyncInvocations } from "./async-invocations.ts";
import type { CodeStore } from "./code-store.ts";
import type { FunctionMetrics } from "./function-metrics.ts";
import type { FunctionRecords } from "./function-records.ts";
import type { InvokeFunction } from "./invoke-function.ts";

/** What the handlers of this service share. */
export interface LambdaContext {
  resources: Resources;
  records: FunctionRecords;
  blobs: Blobs;
  code: CodeStore;
  environments: FunctionEnvironments;
  clock: Clock;
  metrics: FunctionMetrics;
  invokeFunction: InvokeFunction;
  asynchronous: AsyncInvocations;
  /** Background work that failed: for the server's own log. */
  report: (text: string) => void;
}

export function arnOf(call: Pick<Call, "region" | "accountId">, name: string): string {
  return `arn:aws:lambda:${call.region}:${call.accountId}:function:${name}`;
}

/** `2026-11-20T23:00:00.000+0000`, the form of LastModified. */
export function lastModified(clock: Clock): string {
  return new Date(clock.now()).toISOString().replace("Z", "+0000");
}
