import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ProcessingPrograms, Program } from "../processing/processing-program.ts";
import { analyzerRepository, mergerRepository } from "./execution-jobs.ts";

/** AWS's monitoring images, which have these repositories in an account of every region. */
export const monitoringPrograms: ProcessingPrograms = {
  [analyzerRepository]: () => analyzer("analyze"),
  [mergerRepository]: () => analyzer("merge"),
};

function analyzer(work: "analyze" | "merge"): Program {
  const program = fileURLToPath(new URL("./analyzer/analyzer-process.js", import.meta.url));
  if (!existsSync(program)) throw new Error(`${program} is missing: the analyzer runs only when it is built`);
  return { command: process.execPath, args: ["--enable-source-maps", program, work] };
}
