import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Readable } from "node:stream";
import { flatCells, rowOf } from "../../../../monitor/data-quality/flat-columns.ts";
import { linesOf } from "../../../../monitor/data-quality/lines.ts";
import type { Row } from "../../../../monitor/data-quality/row.ts";

/** The user's own Python script failed; what it said is in the log. */
export class UserScriptError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UserScriptError";
  }
}

const bootstrap = join(import.meta.dirname, "user_script.py");
type Handler = "preprocess_handler" | "postprocess_handler";

/** The rows that the script's `preprocess_handler` makes of captured records, given as lines of JSON. */
export async function* preprocessedRows(script: string, lines: AsyncIterable<string>): AsyncGenerator<Row> {
  const child = start("preprocess_handler", script);
  const ended = once(child, "close");
  const input = Readable.from(lines);
  child.stdin.on("error", () => input.destroy()); // it ended early; how, its exit code says
  input.on("error", (error) => child.stdin.destroy(error));
  input.pipe(child.stdin);
  try {
    for await (const { text } of linesOf(child.stdout)) {
      for (const row of JSON.parse(text) as unknown[]) yield rowOf(flatCells(row));
    }
    await mustHaveEndedWell(ended, "preprocess_handler", script);
  } finally {
    child.kill("SIGKILL");
  }
  if (input.errored) throw input.errored;
}

/** Calls the script's `postprocess_handler`. */
export async function postprocess(script: string): Promise<void> {
  const child = start("postprocess_handler", script);
  child.stdin.end();
  child.stdout.resume();
  await mustHaveEndedWell(once(child, "close"), "postprocess_handler", script);
}

function start(handler: Handler, script: string) {
  return spawn("python3", ["-B", bootstrap, handler, script], { stdio: ["pipe", "pipe", "inherit"] });
}

async function mustHaveEndedWell(ended: Promise<unknown[]>, handler: Handler, script: string): Promise<void> {
  const [code] = await ended.catch((error: Error) => {
    throw new UserScriptError(`python3 could not be started for ${script}: ${error.message}`);
  });
  if (code !== 0) throw new UserScriptError(`${handler} of ${script} failed: the job's log has its last lines`);
}
