// What AWS itself recorded, and the form in which it records: execution histories and captured requests.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectFolder } from "./server.ts";

const shared = process.env["SCONES_SHARED"] ?? join(projectFolder, "..", "shared");
const histories = join(shared, "data", "histories");

export const recordedHistoriesAreAbsent =
  !existsSync(histories) && `no recorded histories at ${histories}: set SCONES_SHARED`;

export interface HistoryEvent {
  id?: number;
  type?: string;
  previousEventId?: number;
  taskSucceededEventDetails?: { output?: string };
}

export interface History {
  events: HistoryEvent[];
}

export interface CaptureRecord {
  captureData: {
    endpointInput: { observedContentType: string; data: string };
    endpointOutput: { data: string };
  };
  eventMetadata: { eventId: string; inferenceTime: string };
}

/** A line as SageMaker writes it: compact, in this order of keys, with one line feed. */
export function captureLine(
  input: CaptureRecord["captureData"]["endpointInput"],
  answer: string,
  { eventId, inferenceTime }: CaptureRecord["eventMetadata"],
): string {
  assert.match(eventId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.match(inferenceTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  return `{"captureData":{"endpointInput":{"observedContentType":"${input.observedContentType}","mode":"INPUT","data":"${input.data}","encoding":"BASE64"},"endpointOutput":{"observedContentType":"application/json","mode":"OUTPUT","data":"${answer}","encoding":"JSON"}},"eventMetadata":{"eventId":"${eventId}","inferenceTime":"${inferenceTime}"},"eventVersion":"0"}\n`;
}

export function readHistory(file: string): HistoryEvent[] {
  return (JSON.parse(readFileSync(join(histories, file), "utf8")) as History).events;
}

/** An event without its values: what it is, what it follows, and which fields it has. */
export function shapeOf(event: HistoryEvent): unknown {
  const details = Object.entries(event).filter(([name]) => name.endsWith("Details"));
  return {
    id: event.id,
    type: event.type,
    previousEventId: event.previousEventId,
    details: Object.fromEntries(details.map(([name, fields]) => [name, Object.keys(fields).sort()])),
  };
}

export function outputOf(event: HistoryEvent): Record<string, unknown> {
  return JSON.parse(event.taskSucceededEventDetails?.output ?? "") as Record<string, unknown>;
}
