import type {
  DescribeMapRunInput,
  DescribeMapRunOutput,
  ListMapRunsInput,
  ListMapRunsOutput,
  UpdateMapRunInput,
} from "@aws-sdk/client-sfn";
import { Fault } from "../../kit/fault.ts";
import { arnPrefix } from "./arns.ts";
import { findExecution } from "./execution-records.ts";
import { noCounts } from "./map-run/counts.ts";
import { findMapRun, type MapRunRecord, mapRunKey, mapRunKind } from "./map-run/records.ts";
import { page } from "./paging.ts";
import type { Parsed } from "./parsed.ts";
import type { ServiceContext } from "./service-context.ts";

export function mapRunHandlers({ store, mapRuns }: ServiceContext) {
  const { resources } = store;
  return {
    async ListMapRuns(input: Parsed<ListMapRunsInput>): Promise<ListMapRunsOutput> {
      const { record, details } = findExecution(store, input.executionArn);
      const all = resources
        .list<MapRunRecord>(mapRunKind, { prefix: `${details.machineName}/` })
        .map(({ value }) => value)
        .filter(({ executionId }) => executionId === record.id)
        .sort((one, other) => other.startedMs - one.startedMs);
      const { items, nextToken } = page(all, input, { list: `map runs ${record.id}`, idOf: ({ arn }) => arn });
      return {
        mapRuns: items.map(({ arn, startedMs, stoppedMs }) => ({
          executionArn: details.arn,
          mapRunArn: arn,
          stateMachineArn: `${arnPrefix(arn)}:stateMachine:${labelled(arn)}`,
          startDate: new Date(startedMs),
          stopDate: stoppedMs === undefined ? undefined : new Date(stoppedMs),
        })),
        nextToken,
      };
    },

    async DescribeMapRun(input: Parsed<DescribeMapRunInput>): Promise<Omit<DescribeMapRunOutput, "$metadata">> {
      const run = findMapRun(resources, input.mapRunArn);
      const none = { executions: noCounts(run.children?.count), items: noCounts(run.children?.items) };
      const counts = mapRuns.countsOf(mapRunKey(run.arn)) ?? run.counts ?? none;
      return {
        mapRunArn: run.arn,
        executionArn: run.executionArn,
        status: run.status,
        startDate: new Date(run.startedMs),
        stopDate: run.stoppedMs === undefined ? undefined : new Date(run.stoppedMs),
        maxConcurrency: run.maxConcurrency,
        toleratedFailurePercentage: run.toleratedFailurePercentage,
        toleratedFailureCount: run.toleratedFailureCount,
        itemCounts: counts.items,
        executionCounts: counts.executions,
        ...(run.redrivenMs === undefined
          ? {}
          : { redriveCount: run.redriveCount, redriveDate: new Date(run.redrivenMs) }),
      };
    },

    async UpdateMapRun(input: Parsed<UpdateMapRunInput>): Promise<object> {
      const { maxConcurrency, toleratedFailureCount, toleratedFailurePercentage } = input;
      const given = Object.entries({ maxConcurrency, toleratedFailureCount, toleratedFailurePercentage });
      const limits = Object.fromEntries(given.filter(([, value]) => value !== undefined));
      const run = findMapRun(resources, input.mapRunArn);
      if (run.status !== "RUNNING") {
        throw new Fault("ValidationException", `The map run '${run.arn}' is ${run.status} and cannot be changed`);
      }
      const key = mapRunKey(run.arn);
      resources.update<MapRunRecord>(mapRunKind, key, (record) => ({ ...record, ...limits }));
      mapRuns.change(key, limits);
      return {};
    },
  };
}

/** `NAME/LABEL` of a map run's ARN. */
function labelled(arn: string): string {
  const key = mapRunKey(arn);
  return key.slice(0, key.lastIndexOf(":"));
}
