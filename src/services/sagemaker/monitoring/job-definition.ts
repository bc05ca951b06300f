import type {
  CreateDataQualityJobDefinitionRequest,
  CreateModelQualityJobDefinitionRequest,
  EndpointInput,
  MonitoringJobDefinition,
  MonitoringType,
} from "@aws-sdk/client-sagemaker";
import type { Resources } from "../../../ports/resources.ts";
import { checkLocalPath } from "../processing/processing-folder.ts";
import { type ProcessingPrograms, programOf } from "../processing/processing-program.ts";
import { arnOf, invalid, kindOf, notSupported, parseS3Uri } from "../resource-names.ts";
import { offsetMsOf } from "./timetable.ts";

/** The kinds of monitoring that can be computed here. */
export type QualityType = "DataQuality" | "ModelQuality";

export const definitionWord = {
  DataQuality: "data-quality-job-definition",
  ModelQuality: "model-quality-job-definition",
} as const;

/** A named definition as it is kept. */
export interface StoredDefinition {
  name: string;
  arn: string;
  type: QualityType;
  request: DataQualityRequest | ModelQualityRequest;
  createdMs: number;
  modifiedMs: number;
}

export type DataQualityRequest = Omit<CreateDataQualityJobDefinitionRequest, "Tags">;
export type ModelQualityRequest = Omit<CreateModelQualityJobDefinitionRequest, "Tags">;

/** A definition in the words of the inline form, whichever way it was given. */
export interface Definition extends MonitoringJobDefinition {
  type: QualityType;
  name?: string;
  problemType?: string;
  groundTruthUri?: string;
}

/** Bias and explainability are not computed: refused by name, never passed over. */
export function qualityTypeOf(type: MonitoringType | undefined): QualityType {
  if (type === undefined || type === "DataQuality" || type === "ModelQuality") return type ?? "DataQuality";
  throw notSupported(`MonitoringType ${type}`);
}

export function ofInlineDefinition(inline: MonitoringJobDefinition, type: QualityType): Definition {
  if (type === "ModelQuality") {
    throw invalid("MonitoringType ModelQuality needs a MonitoringJobDefinitionName (CreateModelQualityJobDefinition).");
  }
  return { ...inline, type };
}

export function ofStoredDefinition({ name, type, request }: StoredDefinition): Definition {
  const shared = {
    name,
    type,
    MonitoringResources: request.JobResources,
    RoleArn: request.RoleArn,
    ...(request.StoppingCondition && { StoppingCondition: request.StoppingCondition }),
    ...(request.NetworkConfig && { NetworkConfig: request.NetworkConfig }),
  };
  if ("DataQualityAppSpecification" in request) {
    const { Environment, ...app } = request.DataQualityAppSpecification ?? {};
    return {
      ...shared,
      MonitoringAppSpecification: app as Definition["MonitoringAppSpecification"],
      ...(Environment && { Environment }),
      ...(request.DataQualityBaselineConfig && { BaselineConfig: request.DataQualityBaselineConfig }),
      MonitoringInputs: [request.DataQualityJobInput ?? {}],
      MonitoringOutputConfig: request.DataQualityJobOutputConfig,
    };
  }
  const { Environment, ProblemType, ...app } = request.ModelQualityAppSpecification ?? {};
  const { GroundTruthS3Input, ...input } = request.ModelQualityJobInput ?? {};
  return {
    ...shared,
    MonitoringAppSpecification: app as Definition["MonitoringAppSpecification"],
    ...(Environment && { Environment }),
    ...(request.ModelQualityBaselineConfig && { BaselineConfig: request.ModelQualityBaselineConfig }),
    MonitoringInputs: [input],
    MonitoringOutputConfig: request.ModelQualityJobOutputConfig,
    ...(ProblemType && { problemType: ProblemType }),
    ...(GroundTruthS3Input?.S3Uri && { groundTruthUri: GroundTruthS3Input.S3Uri }),
  };
}

export function findDefinition(
  resources: Resources,
  { type, name }: { type: QualityType; name: string },
): StoredDefinition | undefined {
  return resources.get<StoredDefinition>(kindOf(definitionWord[type]), name)?.value;
}

export function definitionArn(type: QualityType, name: string, origin: Parameters<typeof arnOf>[2]): string {
  return arnOf(definitionWord[type], name, origin);
}

/** Of the endpoint or of the batch transform, whichever the definition watches. */
export type WatchedInput = Omit<EndpointInput, "EndpointName" | "LocalPath"> & { LocalPath: string };

export function watchedInputOf({ MonitoringInputs }: Definition): WatchedInput {
  const { EndpointInput, BatchTransformInput } = MonitoringInputs?.[0] ?? {};
  return (EndpointInput ?? BatchTransformInput) as WatchedInput;
}

export function endpointNameOf({ MonitoringInputs }: Definition): string | undefined {
  return MonitoringInputs?.[0]?.EndpointInput?.EndpointName;
}

/** Refuses what could only fail at its hour. */
export function checkDefinition(definition: Definition, programs: ProcessingPrograms): void {
  const { MonitoringAppSpecification: app, MonitoringInputs, MonitoringOutputConfig, BaselineConfig } = definition;
  programOf(app, programs);
  if (MonitoringInputs?.length !== 1) throw invalid("A monitoring job needs exactly one input.");
  const { EndpointInput, BatchTransformInput } = MonitoringInputs[0] ?? {};
  if ((EndpointInput === undefined) === (BatchTransformInput === undefined)) {
    throw invalid("A monitoring job's input is either an EndpointInput or a BatchTransformInput.");
  }
  const input = watchedInputOf(definition);
  checkLocalPath("The monitoring input", input.LocalPath);
  if (input.S3InputMode === "Pipe") throw notSupported("S3InputMode Pipe");
  for (const member of ["StartTimeOffset", "EndTimeOffset"] as const) {
    if (input[member] !== undefined) offsetMsOf(member, input[member]);
  }
  if (BatchTransformInput !== undefined) {
    parseS3Uri(BatchTransformInput.DataCapturedDestinationS3Uri as string);
    if (definition.type === "ModelQuality") throw notSupported("Model quality of a BatchTransformInput");
    if (BatchTransformInput.DatasetFormat?.Parquet !== undefined) throw notSupported("DatasetFormat Parquet");
  }
  const outputs = MonitoringOutputConfig?.MonitoringOutputs ?? [];
  if (outputs.length !== 1) throw invalid("A monitoring job needs exactly one output.");
  const output = outputs[0]?.S3Output;
  checkLocalPath("The monitoring output", output?.LocalPath);
  const { ConstraintsResource, StatisticsResource } = BaselineConfig ?? {};
  const uris = [
    output?.S3Uri,
    ConstraintsResource?.S3Uri,
    StatisticsResource?.S3Uri,
    app?.RecordPreprocessorSourceUri,
    app?.PostAnalyticsProcessorSourceUri,
    definition.groundTruthUri,
  ];
  for (const uri of uris) if (uri !== undefined) parseS3Uri(uri);
  if (definition.type === "ModelQuality" && definition.groundTruthUri === undefined) {
    throw invalid("A model quality job needs the S3Uri of its GroundTruthS3Input.");
  }
  const instances = definition.MonitoringResources?.ClusterConfig?.InstanceCount ?? 1;
  if (instances !== 1)
    throw notSupported(`InstanceCount ${instances}: a monitoring job runs on this machine alone; it`);
}
