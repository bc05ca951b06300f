import { join } from "node:path";
import { type DatasetFormat, parseDatasetFormat } from "../../../../monitor/data-quality/dataset-format.ts";
import { MonitoringFileError } from "../../../../monitor/data-quality/monitoring-file.ts";
import type { ProblemType } from "../../../../monitor/model-quality/judgement.ts";

/** What an analyzer's environment asks for; paths are real ones. */
export interface AnalyzerSettings {
  source: string;
  format: DatasetFormat | { kind: "merged" };
  output: string;
  baselineConstraints?: string;
  baselineStatistics?: string;
  preprocessor?: string;
  postprocessor?: string;
  categoricalDriftMethod?: "LInfinity" | "ChiSquared";
  excluded: readonly string[];
  /** Present where records have to be looked at for their time, because files tell no more than the hour. */
  window?: { startMs: number; endMs: number };
  /** Present for model quality. */
  quality?: {
    problemType: ProblemType;
    inferenceAttribute?: string;
    probabilityAttribute?: string;
    probabilityThreshold?: number;
    groundTruthAttribute?: string;
  };
  /** Where the metrics go and what they are about; absent: none are wanted. */
  metrics?: { file: string; dimensions: Readonly<Record<string, string>>; time?: string };
  /** Present for a run of a schedule. */
  schedule?: string;
  /** Where the program says how it went. */
  messageFile: string;
}

const hourMs = 3_600_000;
const problemTypes: readonly string[] = ["BinaryClassification", "MulticlassClassification", "Regression"];

/** Reads the environment of a job; `ml` is the folder that stands for /opt/ml. Throws `MonitoringFileError`. */
export function analyzerSettings(
  environment: Readonly<Record<string, string | undefined>>,
  ml: string,
): AnalyzerSettings {
  const value = (name: string) => environment[name] || undefined;
  const required = (name: string) => {
    const found = value(name);
    if (found === undefined) throw new MonitoringFileError(`the environment has no ${name}`);
    return found;
  };
  const formatText = required("dataset_format");
  const endpoint = value("sagemaker_endpoint_name");
  const schedule = value("sagemaker_monitoring_schedule_name");
  const window = windowOf(value("start_time"), value("end_time"));
  const method = value("categorical_drift_method");
  if (method !== undefined && method !== "LInfinity" && method !== "ChiSquared") {
    throw new MonitoringFileError(`categorical_drift_method is "${method}", expected LInfinity or ChiSquared`);
  }
  return {
    source: required("dataset_source"),
    format: "sagemakerMergeJson" in jsonObject(formatText) ? { kind: "merged" } : parseDatasetFormat(formatText),
    output: required("output_path"),
    ...defined({
      baselineConstraints: value("baseline_constraints"),
      baselineStatistics: value("baseline_statistics"),
      preprocessor: value("record_preprocessor_script"),
      postprocessor: value("post_analytics_processor_script"),
      categoricalDriftMethod: method,
      schedule,
      window,
    }),
    excluded: (value("exclude_features_attribute") ?? "").split(",").flatMap((name) => name.trim() || []),
    ...(value("analysis_type") === "MODEL_QUALITY" && { quality: qualityOf(value) }),
    ...(value("publish_cloudwatch_metrics") === "Enabled" &&
      schedule !== undefined && {
        metrics: {
          file: join(ml, "output", "metrics", "cloudwatch"),
          dimensions: { ...(endpoint && { Endpoint: endpoint }), MonitoringSchedule: schedule },
          ...defined({ time: value("metric_time") ?? value("start_time") }),
        },
      }),
    messageFile: join(ml, "output", "message"),
  };
}

function qualityOf(value: (name: string) => string | undefined): NonNullable<AnalyzerSettings["quality"]> {
  const problemType = value("problem_type");
  if (problemType === undefined || !problemTypes.includes(problemType)) {
    throw new MonitoringFileError(`problem_type is "${problemType ?? ""}", expected one of ${problemTypes.join(", ")}`);
  }
  const threshold = value("probability_threshold_attribute");
  if (threshold !== undefined && !Number.isFinite(Number(threshold))) {
    throw new MonitoringFileError(`probability_threshold_attribute is "${threshold}", expected a number`);
  }
  return {
    problemType: problemType as ProblemType,
    ...defined({
      inferenceAttribute: value("inference_attribute"),
      probabilityAttribute: value("probability_attribute"),
      probabilityThreshold: threshold === undefined ? undefined : Number(threshold),
      groundTruthAttribute: value("ground_truth_attribute"),
    }),
  };
}

function windowOf(start: string | undefined, end: string | undefined): AnalyzerSettings["window"] {
  const [startMs, endMs] = [Date.parse(start ?? ""), Date.parse(end ?? "")];
  if (Number.isNaN(startMs) || Number.isNaN(endMs)) return undefined;
  return startMs % hourMs === 0 && endMs % hourMs === 0 ? undefined : { startMs, endMs };
}

function jsonObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // falls through: whoever reads it for good says what is wrong
  }
  return {};
}

/** Without the members that are undefined. */
function defined<T extends object>(values: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof defined<T>
  >;
}
