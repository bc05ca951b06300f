import type { PutEventsCommandInput, PutEventsRequestEntry } from "@aws-sdk/client-eventbridge";
import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ServiceEvent } from "../../ports/events.ts";
import type { Handler } from "../../wire/service.ts";

/** As EventBridge: all entries together. */
const largestRequestBytes = 256 * 1024;
const mostEntries = 10;

interface EntryError {
  ErrorCode: string;
  ErrorMessage: string;
}

export interface PutEventsOptions {
  announce: (event: ServiceEvent, bus: string) => Promise<void>;
  /** Fails when there is no such bus. */
  busNameOf: (given: string | undefined) => string;
  clock: Clock;
}

export function putEventsHandlers({ announce, busNameOf, clock }: PutEventsOptions): Record<string, Handler> {
  return {
    async PutEvents(input: PutEventsCommandInput) {
      const entries = input.Entries ?? [];
      if (entries.length === 0 || entries.length > mostEntries) {
        throw new Fault(
          "ValidationException",
          `1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and ${mostEntries}, not ${entries.length}`,
        );
      }
      const sizeBytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
      if (sizeBytes > largestRequestBytes) {
        throw new Fault("ValidationException", "Total size of the entries in the request is over the limit.");
      }
      const Entries: object[] = [];
      for (const entry of entries) {
        const bus = busNameOf(entry.EventBusName);
        const checked = check(entry);
        if ("ErrorCode" in checked) {
          Entries.push(checked);
          continue;
        }
        const id = clock.uuid();
        const event: ServiceEvent = {
          id,
          source: entry.Source as string,
          detailType: entry.DetailType as string,
          timeMs: entry.Time?.getTime() ?? clock.now(),
          resources: entry.Resources ?? [],
          detail: checked.detail,
        };
        await announce(event, bus);
        Entries.push({ EventId: id });
      }
      return { FailedEntryCount: Entries.filter((entry) => "ErrorCode" in entry).length, Entries };
    },
  };
}

function check(entry: PutEventsRequestEntry): EntryError | { detail: { [name: string]: Json } } {
  for (const name of ["Source", "DetailType", "Detail"] as const) {
    if (!entry[name])
      return refused("InvalidArgument", `Parameter ${name} is not valid. Reason: ${name} is a required argument.`);
  }
  if (/^aws\./.test(entry.Source as string)) {
    return refused("NotAuthorizedForSourceException", "Not authorized for the source.");
  }
  try {
    const detail = JSON.parse(entry.Detail as string) as Json;
    if (typeof detail === "object" && detail !== null && !Array.isArray(detail)) return { detail };
  } catch {
    // Not JSON at all: the same answer as for JSON that is no object.
  }
  return refused("MalformedDetail", "Detail is malformed.");
}

function refused(ErrorCode: string, ErrorMessage: string): EntryError {
  return { ErrorCode, ErrorMessage };
}

function sizeOf(entry: PutEventsRequestEntry): number {
  const texts = [entry.Source, entry.DetailType, entry.Detail, ...(entry.Resources ?? [])];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ""), entry.Time ? 14 : 0);
}
