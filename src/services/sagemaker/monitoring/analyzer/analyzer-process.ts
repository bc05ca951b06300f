import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MonitoringFileError } from "../../../../monitor/data-quality/monitoring-file.ts";
import { analyze } from "./analyze.ts";
import { analyzerSettings } from "./analyzer-settings.ts";
import { mergeGroundTruth, mergeSettings } from "./merge-ground-truth.ts";
import { UserScriptError } from "./user-script.ts";

// The built-in monitoring images as a program: `analyze` or `merge`, told what to do by the environment. Plumbing only.

const ml = process.env["SCONES_ML_PREFIX"] ?? "/opt/ml";
const log = (line: string) => console.log(line);
try {
  if (process.argv[2] === "merge") await mergeGroundTruth(mergeSettings(process.env), log);
  else await analyze(analyzerSettings(process.env, ml), log);
} catch (error) {
  const isTheirs =
    error instanceof MonitoringFileError || error instanceof UserScriptError || error instanceof RangeError;
  console.error(isTheirs ? error.message : error);
  mkdirSync(join(ml, "output"), { recursive: true });
  writeFileSync(join(ml, "output", "failure"), `${isTheirs ? "ClientError: " : ""}${(error as Error).message}`);
  process.exitCode = 1;
}
