import type { CreateProcessingJobRequest, ProcessingInput, ProcessingOutput } from "@aws-sdk/client-sagemaker";
import type { Resources } from "../../../ports/resources.ts";
import type { ProcessingRequest, StoredProcessingJob } from "../processing/processing-job.ts";
import { kindOf } from "../resource-names.ts";
import { type Definition, watchedInputOf } from "./job-definition.ts";
import type { MonitoredPart } from "./monitored-data.ts";
import type { StoredExecution } from "./monitoring-execution.ts";

/*
 * The processing jobs of an execution, in the names, places and variables that AWS's own have (seen in the logs of real ones).
 * A model quality execution has two: one that joins captures and labels, then one that analyses what came of it.
 */

export const analyzerRepository = "sagemaker-model-monitor-analyzer";
export const mergerRepository = "sagemaker-model-monitor-groundtruth-merger";
const baselinePlace = "/opt/ml/processing/baseline";
const codePlace = "/opt/ml/processing/code";
const groundTruthPlace = "/opt/ml/processing/groundtruth";
const mergePlace = "/opt/ml/processing/output";

export function analysisJobName(execution: StoredExecution): string {
  const prefix =
    execution.type === "ModelQuality"
      ? "model-quality-monitoring"
      : execution.definition.name === undefined
        ? "model-monitoring"
        : "data-quality-monitoring";
  return jobName(prefix, execution);
}

export function mergeJobName(execution: StoredExecution): string {
  return jobName("groundtruth-merge", execution);
}

function jobName(prefix: string, { scheduledMs, suffix }: StoredExecution): string {
  const minute = new Date(scheduledMs).toISOString().slice(0, 16).replace(/\D/g, "");
  return `${prefix}-${minute}-${suffix}`;
}

/** The job that joins an execution's captures and labels. */
export function mergeRequest(
  execution: StoredExecution,
  { captures, labels }: { captures: readonly MonitoredPart[]; labels: readonly MonitoredPart[] },
): CreateProcessingJobRequest {
  const { definition } = execution;
  const { LocalPath } = watchedInputOf(definition);
  const image = definition.MonitoringAppSpecification?.ImageUri as string;
  const registry = image.endsWith(analyzerRepository) ? image.slice(0, -analyzerRepository.length) : "";
  return {
    ...sharedRequest(definition),
    ProcessingJobName: mergeJobName(execution),
    AppSpecification: { ImageUri: `${registry}${mergerRepository}` },
    Environment: { dataset_source: LocalPath, ground_truth_source: groundTruthPlace, output_path: mergePlace },
    ProcessingInputs: [
      ...inputsOf("groundtruth_input", labels, groundTruthPlace),
      ...inputsOf("endpoint_input", captures, LocalPath),
    ],
    ProcessingOutputConfig: {
      Outputs: [outputOf({ uri: mergedUri(execution), place: mergePlace, mode: "EndOfJob" })],
    },
  } as CreateProcessingJobRequest;
}

/** The job that computes statistics and finds violations. */
export function analysisRequest(
  execution: StoredExecution,
  { parts, resources }: { parts: readonly MonitoredPart[]; resources: Resources },
): CreateProcessingJobRequest {
  const { definition } = execution;
  const {
    ImageUri,
    ContainerEntrypoint,
    ContainerArguments,
    RecordPreprocessorSourceUri,
    PostAnalyticsProcessorSourceUri,
  } = definition.MonitoringAppSpecification ?? {};
  const { LocalPath } = watchedInputOf(definition);
  const output = definition.MonitoringOutputConfig?.MonitoringOutputs?.[0]?.S3Output;
  const { constraints, statistics } = baselineOf(definition, resources);
  const files = [
    { name: "baseline", variable: "baseline_statistics", uri: statistics, place: `${baselinePlace}/stats` },
    { name: "constraints", variable: "baseline_constraints", uri: constraints, place: `${baselinePlace}/constraints` },
    {
      name: "pre_processor_script",
      variable: "record_preprocessor_script",
      uri: RecordPreprocessorSourceUri,
      place: `${codePlace}/preprocessing`,
    },
    {
      name: "post_processor_script",
      variable: "post_analytics_processor_script",
      uri: PostAnalyticsProcessorSourceUri,
      place: `${codePlace}/postprocessing`,
    },
  ].flatMap(({ uri, ...file }) => (uri === undefined ? [] : [{ ...file, uri }]));
  return {
    ...sharedRequest(definition),
    ProcessingJobName: analysisJobName(execution),
    AppSpecification: {
      ImageUri,
      ...(ContainerEntrypoint && { ContainerEntrypoint }),
      ...(ContainerArguments && { ContainerArguments }),
    },
    Environment: {
      ...environmentOf(execution),
      output_path: output?.LocalPath as string,
      dataset_source: LocalPath,
      ...Object.fromEntries(files.map(({ variable, uri, place }) => [variable, `${place}/${uri.split("/").at(-1)}`])),
    },
    ProcessingInputs: [
      ...files.map(({ name, uri, place }) => inputOf(name, { uri, place })),
      ...inputsOf("endpoint_input", parts, LocalPath),
    ],
    ProcessingOutputConfig: {
      ...(definition.MonitoringOutputConfig?.KmsKeyId && { KmsKeyId: definition.MonitoringOutputConfig.KmsKeyId }),
      Outputs: [
        outputOf({
          uri: outputUri(execution),
          place: output?.LocalPath as string,
          mode: output?.S3UploadMode ?? "Continuous",
        }),
      ],
    },
  } as CreateProcessingJobRequest;
}

/** Where the joined records of an execution lie. */
export function mergedUri(execution: StoredExecution): string {
  return `${outputUri(execution)}/merge`;
}

function environmentOf(execution: StoredExecution): Record<string, string> {
  const { definition } = execution;
  const input = watchedInputOf(definition);
  const { startMs, endMs } = execution.window;
  const isMerged = definition.type === "ModelQuality";
  const values = {
    ...definition.Environment,
    dataset_format: JSON.stringify(datasetFormatOf(definition, isMerged)),
    start_time: secondsOf(Math.floor(startMs / 1000)),
    end_time: secondsOf(Math.ceil(endMs / 1000)),
    metric_time: secondsOf(Math.floor(startMs / 1000)),
    sagemaker_monitoring_schedule_name: execution.scheduleName,
    sagemaker_endpoint_name: execution.endpointName,
    analysis_type: isMerged ? "MODEL_QUALITY" : undefined,
    problem_type: definition.problemType,
    inference_attribute: input.InferenceAttribute,
    probability_attribute: input.ProbabilityAttribute,
    probability_threshold_attribute: input.ProbabilityThresholdAttribute?.toString(),
    exclude_features_attribute: input.ExcludeFeaturesAttribute,
  };
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}

function datasetFormatOf({ MonitoringInputs }: Definition, isMerged: boolean): object {
  const { DatasetFormat } = MonitoringInputs?.[0]?.BatchTransformInput ?? {};
  if (DatasetFormat?.Csv !== undefined) return { csv: { header: DatasetFormat.Csv.Header ?? false } };
  if (DatasetFormat !== undefined) return { json: { lines: DatasetFormat.Json?.Line ?? false } };
  if (isMerged) return { sagemakerMergeJson: { captureIndexNames: ["endpointOutput"] } };
  return { sagemakerCaptureJson: { captureIndexNames: ["endpointInput", "endpointOutput"] } };
}

function secondsOf(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}

function sharedRequest(definition: Definition): Partial<ProcessingRequest> {
  const { MonitoringResources, NetworkConfig, RoleArn, StoppingCondition } = definition;
  return {
    ProcessingResources: { ClusterConfig: MonitoringResources?.ClusterConfig },
    ...(StoppingCondition && { StoppingCondition }),
    ...(NetworkConfig && { NetworkConfig }),
    RoleArn,
  };
}

/** What the definition names, else the files of the job that made its baseline. */
function baselineOf(
  { BaselineConfig }: Definition,
  resources: Resources,
): { constraints?: string; statistics?: string } {
  const { BaseliningJobName, ConstraintsResource, StatisticsResource } = BaselineConfig ?? {};
  const job =
    BaseliningJobName === undefined
      ? undefined
      : resources.get<StoredProcessingJob>(kindOf("processing-job"), BaseliningJobName)?.value;
  const folder = job?.request.ProcessingOutputConfig?.Outputs?.[0]?.S3Output?.S3Uri?.replace(/\/+$/, "");
  const constraints = ConstraintsResource?.S3Uri ?? (folder && `${folder}/constraints.json`);
  const statistics = StatisticsResource?.S3Uri ?? (folder && `${folder}/statistics.json`);
  return { ...(constraints && { constraints }), ...(statistics && { statistics }) };
}

function outputUri({ definition, endpointName, scheduleName, outputPath }: StoredExecution): string {
  const base = definition.MonitoringOutputConfig?.MonitoringOutputs?.[0]?.S3Output?.S3Uri?.replace(/\/+$/, "");
  return [base, ...(endpointName === undefined ? [] : [endpointName]), scheduleName, outputPath].join("/");
}

function inputsOf(name: string, parts: readonly MonitoredPart[], folder: string): ProcessingInput[] {
  return parts.map((part, i) =>
    inputOf(`${name}_${i + 1}`, { ...part, place: [folder, part.place].filter((path) => path !== "").join("/") }),
  );
}

function inputOf(name: string, { uri, place, isManifest }: MonitoredPart): ProcessingInput {
  return {
    InputName: name,
    AppManaged: false,
    S3Input: {
      LocalPath: place,
      S3Uri: uri,
      S3DataDistributionType: "FullyReplicated",
      S3DataType: isManifest === true ? "ManifestFile" : "S3Prefix",
      S3InputMode: "File",
      S3CompressionType: "None",
    },
  };
}

function outputOf({
  uri,
  place,
  mode,
}: {
  uri: string;
  place: string;
  mode: "Continuous" | "EndOfJob";
}): ProcessingOutput {
  return {
    OutputName: "result",
    AppManaged: false,
    S3Output: { LocalPath: place, S3Uri: uri, S3UploadMode: mode },
  };
}
