import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Constraints, parseConstraints } from "../../../../monitor/data-quality/constraints-file.ts";
import type { DatasetFormat } from "../../../../monitor/data-quality/dataset-format.ts";
import { metricPoints } from "../../../../monitor/data-quality/metric-data.ts";
import { MonitoringFileError } from "../../../../monitor/data-quality/monitoring-file.ts";
import { profileOf } from "../../../../monitor/data-quality/profile.ts";
import { profileDrift } from "../../../../monitor/data-quality/profile-drift.ts";
import type { RowProblem } from "../../../../monitor/data-quality/read-rows.ts";
import { parseStatistics, type Statistics } from "../../../../monitor/data-quality/statistics-file.ts";
import { suggestConstraints } from "../../../../monitor/data-quality/suggest-constraints.ts";
import { findViolations } from "../../../../monitor/data-quality/violations.ts";
import { type DriftReport, verdictSentence } from "../../../../monitor/drift-verdict.ts";
import type { AnalyzerSettings } from "./analyzer-settings.ts";
import { datasetRows } from "./dataset.ts";
import { metricLines } from "./metric-lines.ts";
import { analyzeQuality } from "./model-quality.ts";
import { postprocess } from "./user-script.ts";

/** What an analysis found: the files it leaves, and what CloudWatch is told. */
export interface Analysis {
  statistics: object;
  constraints: object;
  /** Absent where there is nothing to compare with. */
  violations?: { violations: readonly object[] };
  /** Our own verdict; absent without the statistics of a baseline. */
  drift?: DriftReport;
  metrics: string[];
}

/** Lines of the log about unreadable records; the rest is counted. */
const mostProblemLines = 20;

/** Does what the settings ask for; answers how many violations it found. */
export async function analyze(settings: AnalyzerSettings, log: (line: string) => void): Promise<number> {
  let problems = 0;
  const onProblem = ({ file, line, message }: RowProblem) => {
    if (++problems <= mostProblemLines) log(`${file ?? settings.source}, line ${line}: ${message}`);
  };
  const { quality } = settings;
  const analysis =
    quality === undefined
      ? await analyzeData(settings, onProblem)
      : await analyzeQuality({ ...settings, quality }, onProblem);
  if (problems > 0) log(`${problems} records could not be read`);
  await writeJson(join(settings.output, "statistics.json"), analysis.statistics);
  await writeJson(join(settings.output, "constraints.json"), analysis.constraints);
  if (analysis.violations !== undefined) {
    await writeJson(join(settings.output, "constraint_violations.json"), analysis.violations);
  }
  if (analysis.drift !== undefined) {
    await writeJson(join(settings.output, "drift.json"), analysis.drift);
    log(verdictSentence(analysis.drift));
  }
  if (settings.metrics !== undefined) await write(settings.metrics.file, `${analysis.metrics.join("\n")}\n`);
  if (settings.postprocessor !== undefined) await postprocess(settings.postprocessor);
  const count = analysis.violations?.violations.length ?? 0;
  const message =
    count === 0
      ? "Completed: Job completed successfully with no violations."
      : `CompletedWithViolations: Job completed successfully with ${count} violations.`;
  await write(settings.messageFile, message);
  log(message);
  return count;
}

async function analyzeData(settings: AnalyzerSettings, onProblem: (problem: RowProblem) => void): Promise<Analysis> {
  const { metrics, schedule, categoricalDriftMethod } = settings;
  const baseline = await baselineOf(settings);
  const columnNames = columnNamesOf(baseline);
  const format = settings.format as DatasetFormat;
  if (settings.format.kind === "merged")
    throw new MonitoringFileError("sagemakerMergeJson is for analysis_type MODEL_QUALITY");
  const rows = datasetRows({ ...settings, format, onProblem, ...(columnNames && { columnNames }) });
  const profile = await profileOf(rows);
  if (profile.rowCount === 0) throw new MonitoringFileError(`${settings.source} has no record that can be read`);
  const { statistics } = profile;
  const suggested = suggestConstraints(statistics);
  if (categoricalDriftMethod !== undefined) {
    suggested.monitoring_config.distribution_constraints.categorical_drift_method = categoricalDriftMethod;
  }
  const data = {
    profile,
    constraints: baseline.constraints ?? suggested,
    ...(baseline.statistics && { baselineStatistics: baseline.statistics }),
  };
  const isCompared = baseline.constraints !== undefined || schedule !== undefined;
  return {
    statistics,
    constraints: suggested,
    ...(isCompared && { violations: baseline.constraints === undefined ? { violations: [] } : findViolations(data) }),
    ...(baseline.statistics && { drift: profileDrift(profile, baseline.statistics) }),
    metrics: metrics === undefined ? [] : metricLines(metricPoints(data), metrics),
  };
}

interface Baseline {
  constraints?: Constraints;
  statistics?: Statistics;
}

async function baselineOf({ baselineConstraints, baselineStatistics }: AnalyzerSettings): Promise<Baseline> {
  return {
    ...(baselineConstraints && { constraints: parseConstraints(await readFile(baselineConstraints, "utf8")) }),
    ...(baselineStatistics && { statistics: parseStatistics(await readFile(baselineStatistics, "utf8")) }),
  };
}

/** The baseline's names for columns that have none in the data; not where it had none either and counted them. */
function columnNamesOf({ constraints, statistics }: Baseline): string[] | undefined {
  const names = (constraints ?? statistics)?.features.map(({ name }) => name);
  return names?.some((name) => /^_c\d+$/.test(name)) ? undefined : names;
}

async function writeJson(file: string, value: object): Promise<void> {
  await write(file, `${JSON.stringify(value, undefined, 2)}\n`);
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}
