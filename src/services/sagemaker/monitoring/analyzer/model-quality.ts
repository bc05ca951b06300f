import { readFile } from "node:fs/promises";
import { randomFrom } from "../../../../learn/random.ts";
import { CaptureBodyError } from "../../../../monitor/data-quality/capture-rows.ts";
import { MonitoringFileError } from "../../../../monitor/data-quality/monitoring-file.ts";
import type { RowProblem } from "../../../../monitor/data-quality/read-rows.ts";
import type { Row } from "../../../../monitor/data-quality/row.ts";
import { groundTruthColumn, labelledRows } from "../../../../monitor/model-quality/ground-truth.ts";
import { type Judgement, judgementIn } from "../../../../monitor/model-quality/judgement.ts";
import {
  findQualityViolations,
  parseQualityConstraints,
  qualityMetricPoints,
  suggestQualityConstraints,
} from "../../../../monitor/model-quality/quality-constraints.ts";
import { qualityReport } from "../../../../monitor/model-quality/quality-report.ts";
import type { Analysis } from "./analyze.ts";
import type { AnalyzerSettings } from "./analyzer-settings.ts";
import { capturedLines, datasetRows, filesOf } from "./dataset.ts";
import { metricLines } from "./metric-lines.ts";

/** How good the answers were, by the labels beside them. */
export async function analyzeQuality(
  settings: AnalyzerSettings & Required<Pick<AnalyzerSettings, "quality">>,
  onProblem: (problem: RowProblem) => void,
): Promise<Analysis> {
  const { format, source, quality, metrics, baselineConstraints, schedule } = settings;
  const rows =
    format.kind === "merged" ? mergedRows(settings, onProblem) : datasetRows({ ...settings, format, onProblem });
  const groundTruthAttribute = format.kind === "merged" ? groundTruthColumn : quality.groundTruthAttribute;
  if (groundTruthAttribute === undefined)
    throw new MonitoringFileError("the environment has no ground_truth_attribute");
  const judgements: Judgement[] = [];
  let line = 0;
  for await (const row of rows) {
    line++;
    const judgement = judgementIn(row, { ...quality, groundTruthAttribute });
    if (typeof judgement === "string") onProblem({ file: source, line, message: judgement });
    else judgements.push(judgement);
  }
  const { uniform: random } = randomFrom(judgements.length); // the same data, the same report
  const report = qualityReport(judgements, { problemType: quality.problemType, random });
  const constraints =
    baselineConstraints === undefined
      ? undefined
      : parseQualityConstraints(await readFile(baselineConstraints, "utf8"));
  const violations = constraints === undefined ? { violations: [] } : findQualityViolations(report, constraints);
  return {
    statistics: report,
    constraints: suggestQualityConstraints(report),
    ...((constraints !== undefined || schedule !== undefined) && { violations }),
    metrics: metrics === undefined ? [] : metricLines(qualityMetricPoints(report), metrics),
  };
}

/** Joined records carry their label. */
async function* mergedRows(
  { source, window }: AnalyzerSettings,
  onProblem: (problem: RowProblem) => void,
): AsyncGenerator<Row> {
  for (const file of await filesOf(source)) {
    let line = 0;
    for await (const text of capturedLines([file], window)) {
      line++;
      try {
        yield* labelledRows(text);
      } catch (error) {
        if (!(error instanceof MonitoringFileError || error instanceof CaptureBodyError)) throw error;
        onProblem({ file, line, message: error.message });
      }
    }
  }
}
