import type {
  CreateHyperParameterTuningJobRequest,
  CreateTrainingJobRequest,
  HyperParameterTrainingJobDefinition,
  HyperParameterTuningJobConfig,
  HyperParameterTuningJobObjective,
  HyperParameterTuningResourceConfig,
  ParameterRanges,
  ResourceConfig,
} from "@aws-sdk/client-sagemaker";
import { gridSize, type ParameterRange, type Scaling, type SearchSpace } from "../../../learn/tuning/search-space.ts";
import { invalid, notSupported } from "../resource-names.ts";
import { type Algorithms, algorithmOf } from "../training-algorithm.ts";

// What a tuning job is asked for, checked as a whole before anything starts. Limits are AWS's ("Best practices and quotas" of
// automatic model tuning); texts that were never recorded are ours.

type TuningRequest = Omit<CreateHyperParameterTuningJobRequest, "Tags">;

const maxTrials = 750;
const maxParallelTrials = 100;
const maxParameters = 30;
const maxDefinitions = 10;
const mostGridTrials = 10_000;
/** Tells a trial which metric is its objective. */
const objectiveParameter = "_tuning_objective_metric";

/** Refuses what could not run. */
export function checkTuningRequest(
  request: TuningRequest,
  checkTraining: (request: CreateTrainingJobRequest) => void,
  algorithms: Algorithms,
): void {
  const config = request.HyperParameterTuningJobConfig as HyperParameterTuningJobConfig;
  refuseWhatIsNotSupported(request);
  if ((request.TrainingJobDefinition === undefined) === (request.TrainingJobDefinitions === undefined)) {
    throw invalid("Give either TrainingJobDefinition or TrainingJobDefinitions.");
  }
  const definitions = request.TrainingJobDefinitions ?? [
    request.TrainingJobDefinition as HyperParameterTrainingJobDefinition,
  ];
  const names = new Set(definitions.map(({ DefinitionName }) => DefinitionName));
  if (definitions.length === 0 || definitions.length > maxDefinitions || names.size !== definitions.length) {
    throw invalid(`TrainingJobDefinitions needs 1 to ${maxDefinitions} definitions with names of their own.`);
  }
  if (config.Strategy === "Grid" && definitions.length > 1) throw notSupported("Grid over several definitions");
  if (request.TrainingJobDefinitions !== undefined && names.has(undefined)) {
    throw invalid("Every one of TrainingJobDefinitions needs a DefinitionName.");
  }
  checkLimits(config);
  for (const definition of definitions) {
    const space = spaceOf(config, definition);
    const objective = objectiveOf(config, definition);
    if (config.Strategy === "Grid") checkGrid(space, config);
    const training = trainingRequestOf(definition, { name: "sample", tuned: {}, objective });
    checkTraining(training);
    const { metricDefinitions } = algorithmOf(training, algorithms);
    if (metricDefinitions.every(({ name }) => name !== objective.MetricName)) {
      const known = metricDefinitions.map(({ name }) => name).join(", ");
      throw invalid(`The objective metric "${objective.MetricName}" is none that the training jobs report: ${known}.`);
    }
  }
}

/** The ranges that one definition searches. */
export function spaceOf(
  config: HyperParameterTuningJobConfig,
  { HyperParameterRanges, StaticHyperParameters }: HyperParameterTrainingJobDefinition,
): SearchSpace {
  const ranges: ParameterRanges = HyperParameterRanges ?? config.ParameterRanges ?? {};
  const numeric = (kind: "integer" | "continuous") => {
    const given = kind === "integer" ? ranges.IntegerParameterRanges : ranges.ContinuousParameterRanges;
    return (given ?? []).map(({ Name, MinValue, MaxValue, ScalingType }) =>
      numericRange({ kind, name: Name as string, scaling: (ScalingType ?? "Auto") as Scaling }, [MinValue, MaxValue]),
    );
  };
  const categorical = (ranges.CategoricalParameterRanges ?? []).map(({ Name, Values }): ParameterRange => {
    const values = Values ?? [];
    if (values.length === 0 || new Set(values).size !== values.length) {
      throw invalid(`The values of ${Name} must be at least one, and each another.`);
    }
    return { kind: "categorical", name: Name as string, values };
  });
  const space = [...numeric("integer"), ...numeric("continuous"), ...categorical];
  if (space.length === 0 || space.length > maxParameters) {
    throw invalid(`A tuning job needs 1 to ${maxParameters} hyperparameters to search; ${space.length} are given.`);
  }
  const names = [...space.map(({ name }) => name), ...Object.keys(StaticHyperParameters ?? {})];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw invalid(`The hyperparameter "${twice}" is given more than once.`);
  return space;
}

export function objectiveOf(
  config: HyperParameterTuningJobConfig,
  { TuningObjective }: HyperParameterTrainingJobDefinition,
): HyperParameterTuningJobObjective {
  const objective = TuningObjective ?? config.HyperParameterTuningJobObjective;
  if (objective === undefined) throw invalid("HyperParameterTuningJobObjective is missing: what is to become best?");
  return objective;
}

/** The training job of one trial. As on AWS it is told what its objective is. */
export function trainingRequestOf(
  definition: HyperParameterTrainingJobDefinition,
  trial: { name: string; tuned: Readonly<Record<string, string>>; objective: HyperParameterTuningJobObjective },
): CreateTrainingJobRequest {
  const { DefinitionName, TuningObjective, HyperParameterRanges, StaticHyperParameters, ...shared } = definition;
  const { HyperParameterTuningResourceConfig, ...request } = shared;
  return {
    ...request,
    ResourceConfig: request.ResourceConfig ?? resourceConfigOf(HyperParameterTuningResourceConfig),
    TrainingJobName: trial.name,
    HyperParameters: {
      ...StaticHyperParameters,
      ...trial.tuned,
      [objectiveParameter]: trial.objective.MetricName as string,
    },
  } as CreateTrainingJobRequest;
}

/** The request with the metrics that its algorithms report by themselves, as AWS shows those of its own. */
export function withMetricDefinitions(request: TuningRequest, algorithms: Algorithms): TuningRequest {
  const { TrainingJobDefinition: one, TrainingJobDefinitions: several } = request;
  const filled = (definition: HyperParameterTrainingJobDefinition): HyperParameterTrainingJobDefinition => {
    const { metricDefinitions } = algorithmOf(definition as CreateTrainingJobRequest, algorithms);
    const MetricDefinitions = metricDefinitions.map(({ name: Name, regex: Regex }) => ({ Name, Regex }));
    const { AlgorithmSpecification: given } = definition;
    return { ...definition, AlgorithmSpecification: { TrainingInputMode: "File", ...given, MetricDefinitions } };
  };
  return {
    ...request,
    ...(one && { TrainingJobDefinition: filled(one) }),
    ...(several && { TrainingJobDefinitions: several.map(filled) }),
  };
}

/** A definition as AWS shows it: with what every trial is told of its objective, and its resources as a training job has them. The SDK looks there. */
export function shownDefinition(
  config: HyperParameterTuningJobConfig | undefined,
  definition: HyperParameterTrainingJobDefinition,
): HyperParameterTrainingJobDefinition {
  const objective = definition.TuningObjective ?? config?.HyperParameterTuningJobObjective;
  return {
    ...definition,
    ResourceConfig:
      definition.ResourceConfig ?? (resourceConfigOf(definition.HyperParameterTuningResourceConfig) as ResourceConfig),
    StaticHyperParameters: {
      ...definition.StaticHyperParameters,
      ...(objective?.MetricName && { [objectiveParameter]: objective.MetricName }),
    },
  };
}

/** Instance types are labels here: of several that would do, the first. */
function resourceConfigOf({ InstanceConfigs, AllocationStrategy, ...given }: HyperParameterTuningResourceConfig = {}) {
  return { ...given, ...InstanceConfigs?.[0] };
}

function numericRange(
  { kind, name, scaling }: { kind: "integer" | "continuous"; name: string; scaling: Scaling },
  bounds: readonly (string | undefined)[],
): ParameterRange {
  const [least, most] = bounds.map(Number) as [number, number];
  if (!Number.isFinite(least) || !Number.isFinite(most) || bounds.includes("")) {
    throw invalid(`The range of ${name} is not one of numbers: ${bounds.join(" to ")}.`);
  }
  if (kind === "integer" && !(Number.isSafeInteger(least) && Number.isSafeInteger(most))) {
    throw invalid(`The range of ${name} is not one of integers: ${bounds.join(" to ")}.`);
  }
  if (least > most) throw invalid(`The range of ${name} begins above its end: ${bounds.join(" to ")}.`);
  if (scaling === "Logarithmic" && least <= 0) {
    throw invalid(`The range of ${name} must be above 0 for logarithmic scaling: ${bounds.join(" to ")}.`);
  }
  if (scaling === "ReverseLogarithmic" && (kind === "integer" || least < 0 || most >= 1)) {
    throw invalid(`Reverse logarithmic scaling is for numbers from 0 to below 1: ${name} is ${bounds.join(" to ")}.`);
  }
  return { kind, name, least, most, scaling };
}

function checkLimits({ ResourceLimits, Strategy, StrategyConfig, ...config }: HyperParameterTuningJobConfig): void {
  const { MaxNumberOfTrainingJobs, MaxParallelTrainingJobs = 1 } = ResourceLimits ?? {};
  if (Strategy !== "Grid" && MaxNumberOfTrainingJobs === undefined) {
    throw invalid("ResourceLimits needs MaxNumberOfTrainingJobs.");
  }
  if (Strategy !== "Grid" && (MaxNumberOfTrainingJobs as number) > maxTrials) {
    throw invalid(`MaxNumberOfTrainingJobs is ${MaxNumberOfTrainingJobs}; at most ${maxTrials} are possible.`);
  }
  if (MaxParallelTrainingJobs < 1 || MaxParallelTrainingJobs > maxParallelTrials) {
    throw invalid(`MaxParallelTrainingJobs is ${MaxParallelTrainingJobs}; it must be 1 to ${maxParallelTrials}.`);
  }
  const { MinResource, MaxResource } = StrategyConfig?.HyperbandStrategyConfig ?? {};
  if (Strategy === "Hyperband") {
    if (MinResource === undefined || MaxResource === undefined || MinResource < 1 || MinResource >= MaxResource) {
      throw invalid("Hyperband needs a StrategyConfig with MinResource, from 1, below MaxResource: both are epochs.");
    }
    if (config.TrainingJobEarlyStoppingType === "Auto") {
      throw invalid("Hyperband stops jobs early by itself: TrainingJobEarlyStoppingType must be Off.");
    }
  } else if (StrategyConfig?.HyperbandStrategyConfig !== undefined) {
    throw invalid(`HyperbandStrategyConfig does not belong to the strategy ${Strategy}.`);
  }
}

function checkGrid(space: SearchSpace, { ResourceLimits }: HyperParameterTuningJobConfig): void {
  const size = gridSize(space);
  if (size === undefined) throw invalid("The strategy Grid takes categorical hyperparameters only.");
  const asked = ResourceLimits?.MaxNumberOfTrainingJobs;
  if (size > mostGridTrials)
    throw invalid(`The grid has ${size} combinations; at most ${mostGridTrials} are possible.`);
  if (asked !== undefined && asked !== size) {
    throw invalid(`MaxNumberOfTrainingJobs is ${asked}, but the grid has ${size} combinations: leave it out.`);
  }
}

function refuseWhatIsNotSupported({ Autotune, ...request }: TuningRequest): void {
  const config = request.HyperParameterTuningJobConfig as HyperParameterTuningJobConfig;
  if (Autotune !== undefined) throw notSupported("Autotune");
  if (config.TuningJobCompletionCriteria?.ConvergenceDetected?.CompleteOnConvergence === "Enabled") {
    throw notSupported("ConvergenceDetected");
  }
  for (const definition of [request.TrainingJobDefinition ?? [], request.TrainingJobDefinitions ?? []].flat()) {
    const ranges = definition.HyperParameterRanges ?? config.ParameterRanges;
    if ((ranges?.AutoParameters ?? []).length > 0) throw notSupported("AutoParameters");
  }
}
