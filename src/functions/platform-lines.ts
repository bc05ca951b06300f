// What the platform itself writes into a function's log, in AWS's two formats.
import type { Clock } from "../ports/clock.ts";

export interface Report {
  requestId: string;
  durationMs: number;
  memoryMb: number;
  maxMemoryKb?: number;
  initMs?: number;
  status?: "timeout" | "error";
}

/** Each answers the lines that belong in the log; none where the format or its level has none. */
export interface PlatformLines {
  init(runtime: { name: string; path: string; version: string }): string[];
  start(requestId: string, version: string): string[];
  /** Why an invocation has no result of the function's own. */
  failure(lines: readonly string[]): string[];
  end(report: Report): string[];
}

export interface LogFormat {
  format: "Text" | "JSON";
  /** Of the function's own lines, and of the platform's; both only in JSON. */
  applicationLevel: string;
  systemLevel: string;
}

export function platformLines({ format, systemLevel }: LogFormat, clock: Pick<Clock, "now">): PlatformLines {
  return format === "Text" ? textLines : jsonLines(systemLevel, clock);
}

const textLines: PlatformLines = {
  init: ({ name, path, version }) => [`INIT_START Runtime Version: ${name} (${path} ${version})`],
  start: (requestId, version) => [`START RequestId: ${requestId} Version: ${version}`],
  failure: (lines) => [...lines],
  end: (report) => [`END RequestId: ${report.requestId}`, reportLine(report)],
};

function reportLine({ requestId, durationMs, memoryMb, maxMemoryKb, initMs, status }: Report): string {
  const parts = [
    `REPORT RequestId: ${requestId}`,
    `Duration: ${durationMs.toFixed(2)} ms`,
    `Billed Duration: ${Math.ceil(durationMs)} ms`,
    `Memory Size: ${memoryMb} MB`,
    ...(maxMemoryKb === undefined ? [] : [`Max Memory Used: ${Math.ceil(maxMemoryKb / 1024)} MB`]),
    ...(initMs === undefined ? [] : [`Init Duration: ${initMs.toFixed(2)} ms`]),
    ...(status === undefined ? [] : [`Status: ${status}`]),
  ];
  return `${parts.join("\t")}\t`;
}

/** As AWS documents its events; at WARN only what went wrong is told, and the reasons are in the report. */
function jsonLines(systemLevel: string, clock: Pick<Clock, "now">): PlatformLines {
  const event = (type: string, record: object): string =>
    JSON.stringify({ time: new Date(clock.now()).toISOString(), type: `platform.${type}`, record });
  const tellsAll = systemLevel !== "WARN";
  return {
    init: ({ name, version }) =>
      tellsAll
        ? [event("initStart", { initializationType: "on-demand", phase: "init", runtimeVersion: `${name} ${version}` })]
        : [],
    start: (requestId, version) => (tellsAll ? [event("start", { requestId, version })] : []),
    failure: () => [],
    end({ requestId, durationMs, memoryMb, maxMemoryKb, initMs, status }) {
      if (!tellsAll && status === undefined) return [];
      const metrics = {
        durationMs,
        billedDurationMs: Math.ceil(durationMs),
        memorySizeMB: memoryMb,
        ...(maxMemoryKb !== undefined && { maxMemoryUsedMB: Math.ceil(maxMemoryKb / 1024) }),
        ...(initMs !== undefined && { initDurationMs: initMs }),
      };
      return [event("report", { requestId, metrics, status: status ?? "success" })];
    },
  };
}
