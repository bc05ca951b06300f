import { Fault } from "../kit/fault.ts";
import type { TimestampKind } from "./model.ts";

/** A point in time as a protocol writes it; `timestamp` means the protocol's own choice, given by the caller. */
export function writeTimestamp(value: unknown, kind: TimestampKind, protocolDefault: TimestampKind): string | number {
  if (!(value instanceof Date)) throw new Error(`a handler gave ${typeof value} where the model wants a Date`);
  switch (kind === "timestamp" ? protocolDefault : kind) {
    case "http-date":
      return value.toUTCString();
    case "epoch-seconds":
      return value.getTime() / 1000;
    default:
      return value.toISOString();
  }
}

/** Reads any of the three forms, as AWS does: seconds since the epoch, ISO 8601 or an HTTP date. */
export function readTimestamp(value: unknown, path: string): Date {
  if (value instanceof Date) return value;
  if (typeof value === "number" && Number.isFinite(value)) return new Date(value * 1000);
  if (typeof value === "string" && value !== "") {
    const seconds = Number(value);
    const date = Number.isNaN(seconds) ? new Date(value) : new Date(seconds * 1000);
    if (!Number.isNaN(date.getTime())) return date;
  }
  throw new Fault("SerializationException", `${path}: ${JSON.stringify(value)} is not a timestamp`);
}
