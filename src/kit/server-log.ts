export type LogFormat = "text" | "json";

/** What the server says about itself while it runs. */
export interface ServerLog {
  /** Something that somebody should look at. */
  report(what: string, error?: unknown): void;
  /** Something that happened: a line of JSON for those who collect them, nothing for people. */
  event(name: string, fields: Readonly<Record<string, unknown>>): void;
}

/** In JSON every line is one object with `time`, `level` and `event`. */
export function serverLog(options: { format: LogFormat; write: (text: string) => void; now: () => number }): ServerLog {
  const { format, write, now } = options;
  const line = (level: "error" | "info", event: string, fields: Readonly<Record<string, unknown>>): void =>
    write(`${JSON.stringify({ time: new Date(now()).toISOString(), level, event, ...fields })}\n`);
  return {
    report(what, error) {
      const cause = error instanceof Error ? (error.stack ?? error.message) : undefined;
      if (format === "json") line("error", what, cause === undefined ? {} : { error: cause });
      else write(`scones: ${what}${cause === undefined ? "" : `: ${cause}`}\n`);
    },
    event(name, fields) {
      if (format === "json") line("info", name, fields);
    },
  };
}
