import type { GetExecutionHistoryInput, GetExecutionHistoryOutput, HistoryEvent } from "@aws-sdk/client-sfn";
import type { HistoryEvent as JournalEvent } from "../../asl/contract.ts";
import { findExecution } from "./execution-records.ts";
import { withoutData } from "./history-data.ts";
import { pageSize, readToken, writeToken } from "./paging.ts";
import type { Parsed } from "./parsed.ts";
import type { ServiceContext } from "./service-context.ts";

/** The journal, as it was committed (E3). */
export function historyHandlers({ store }: ServiceContext) {
  return {
    async GetExecutionHistory(input: Parsed<GetExecutionHistoryInput>): Promise<GetExecutionHistoryOutput> {
      const { executionArn, reverseOrder = false, includeExecutionData = true, maxResults, nextToken } = input;
      const { record } = findExecution(store, executionArn);
      const limit = pageSize(maxResults);
      const list = `history ${record.id} ${reverseOrder}`;
      const from = nextToken === undefined ? undefined : Number(readToken(nextToken, list));
      const found = store.executions.history<JournalEvent>(record.id, {
        from,
        limit: limit + 1,
        reverse: reverseOrder,
      });
      const following = found[limit];
      return {
        events: found.slice(0, limit).map((event) => answered(event, includeExecutionData)),
        nextToken: following === undefined ? undefined : writeToken(String(following.id), list),
      };
    },
  };
}

function answered(event: JournalEvent, withData: boolean): HistoryEvent {
  const { id, previousEventId, timestampMs, type, detailsName, details = {} } = event;
  const shown = withData ? details : withoutData(details);
  return {
    timestamp: new Date(timestampMs),
    type: type as HistoryEvent["type"],
    id,
    previousEventId,
    ...(detailsName === undefined ? {} : { [detailsName]: shown }),
  };
}
