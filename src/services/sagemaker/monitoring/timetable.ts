import type { ScheduleConfig } from "@aws-sdk/client-sagemaker";
import { invalid } from "../resource-names.ts";

export const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** When a schedule is due. Days and hours are UTC's. */
export type Timetable = { type: "once" } | { type: "hours"; hours: readonly number[] };

/** As AWS runs a schedule that says nothing: once a day. */
const daily: Timetable = { type: "hours", hours: [0] };
/** As AWS bounds the window of a schedule that runs once. */
const longestOnceMs = dayMs;
/** The widest reach of an offset: a month of labels that come late. Each of its hours costs a look at the bucket. */
const longestOffsetMs = 31 * dayMs;

/** The forms that SageMaker takes: every hour, once a day, every N hours from an hour on, now. */
export function timetableOf(config: ScheduleConfig | undefined): Timetable {
  const expression = config?.ScheduleExpression;
  if (expression === undefined) return daily;
  if (expression === "NOW") {
    const { startMs, endMs } = onceWindow(config as ScheduleConfig, 0);
    if (startMs >= endMs || endMs - startMs > longestOnceMs) {
      throw invalid("DataAnalysisStartTime must be before DataAnalysisEndTime, by at most 24 hours.");
    }
    return { type: "once" };
  }
  const match = /^cron\(0 (?:(\*)|(\d{1,2})(?:\/(\d{1,2}))?) (?:\? \* \*|\* \* \?) \*\)$/.exec(expression);
  const [first, step] = match?.[1] === "*" ? [0, 1] : [Number(match?.[2]), Number(match?.[3] ?? 24)];
  if (match === null || first > 23 || step < 1 || step > 24) {
    throw invalid(
      `ScheduleExpression "${expression}" is none of NOW, cron(0 * ? * * *), cron(0 H ? * * *) and cron(0 H/N ? * * *) with H from 0 to 23 and N from 1 to 24.`,
    );
  }
  const hours = Array.from({ length: 24 }, (_, hour) => hour).filter(
    (hour) => hour >= first && (hour - first) % step === 0,
  );
  return { type: "hours", hours };
}

/** The first due time after a moment. */
export function dueAfter({ hours }: Timetable & { type: "hours" }, afterMs: number): number {
  let dueMs = (Math.floor(afterMs / hourMs) + 1) * hourMs;
  while (!hours.includes(new Date(dueMs).getUTCHours())) dueMs += hourMs;
  return dueMs;
}

/** The last due time before a moment. */
export function dueBefore({ hours }: Timetable & { type: "hours" }, beforeMs: number): number {
  let dueMs = (Math.ceil(beforeMs / hourMs) - 1) * hourMs;
  while (!hours.includes(new Date(dueMs).getUTCHours())) dueMs -= hourMs;
  return dueMs;
}

/** From `startMs` on, before `endMs`. */
export interface Window {
  startMs: number;
  endMs: number;
}

/** What a schedule that runs once looks at. */
export function onceWindow({ DataAnalysisStartTime, DataAnalysisEndTime }: ScheduleConfig, nowMs: number): Window {
  if (DataAnalysisStartTime === undefined || DataAnalysisEndTime === undefined) {
    throw invalid(
      "The ScheduleExpression NOW needs DataAnalysisStartTime and DataAnalysisEndTime, such as -PT1H and -PT0H.",
    );
  }
  return {
    startMs: nowMs + offsetMsOf("DataAnalysisStartTime", DataAnalysisStartTime),
    endMs: nowMs + offsetMsOf("DataAnalysisEndTime", DataAnalysisEndTime),
  };
}

/** What an execution looks at: all since the one before, or what the input's offsets say. */
export function windowOf(
  timetable: Timetable & { type: "hours" },
  { StartTimeOffset, EndTimeOffset }: { StartTimeOffset?: string; EndTimeOffset?: string },
  dueMs: number,
): Window {
  const startMs =
    StartTimeOffset === undefined
      ? dueBefore(timetable, dueMs)
      : dueMs + offsetMsOf("StartTimeOffset", StartTimeOffset);
  const endMs = EndTimeOffset === undefined ? dueMs : dueMs + offsetMsOf("EndTimeOffset", EndTimeOffset);
  return { startMs, endMs };
}

/** A duration of ISO 8601 in days, hours, minutes and seconds, such as `-PT1H` or `-P8D`. */
export function offsetMsOf(member: string, text: string): number {
  const match = /^(-?)P(?=[\dT])(?:(\d{1,4})D)?(?:T(?=\d)(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?$/.exec(text);
  const [days, hours, minutes, seconds] = (match ?? []).slice(2).map((part) => Number(part ?? 0));
  const ms = (days ?? 0) * dayMs + (hours ?? 0) * hourMs + (minutes ?? 0) * 60_000 + (seconds ?? 0) * 1000 || 0;
  if (match === null) throw invalid(`${member} "${text}" is not a duration of the form -PT1H or -P8D.`);
  if (ms > longestOffsetMs) throw invalid(`${member} "${text}" reaches further than 31 days.`);
  if (ms > 0 && match[1] !== "-") throw invalid(`${member} "${text}" lies in the future: it must begin with a minus.`);
  return ms === 0 ? 0 : -ms;
}
