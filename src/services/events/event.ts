import type { Json } from "../../kit/json.ts";
import type { ServiceEvent } from "../../ports/events.ts";

/** An event as rules see it and targets get it. */
export type BusEvent = { [name: string]: Json } & { id: string };

export function busEvent(event: ServiceEvent, place: { accountId: string; region: string }): BusEvent {
  return {
    version: "0",
    id: event.id,
    "detail-type": event.detailType,
    source: event.source,
    account: place.accountId,
    // As EventBridge: whole seconds.
    time: new Date(event.timeMs).toISOString().replace(/\.\d+Z$/, "Z"),
    region: place.region,
    resources: event.resources,
    detail: event.detail,
  };
}
