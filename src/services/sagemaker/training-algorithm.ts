import type { CreateTrainingJobRequest } from "@aws-sdk/client-sagemaker";
import { invalid, notSupported } from "./resource-names.ts";

/** A program that obeys SageMaker's training container contract. */
export interface TrainingAlgorithm {
  command: string;
  args: readonly string[];
  /** Read from its log lines; the first group is the value. */
  metricDefinitions: readonly { name: string; regex: string }[];
  /** Finds a warning in a log line, as its first group; absent: its lines hold none that a job's description should show. */
  warning?: RegExp;
}

/** The built-in algorithms, by the repository's name in their image URI. */
export type Algorithms = Readonly<Record<string, () => TrainingAlgorithm>>;

/**
 * The program behind a request. AWS has one registry account per region for its built-in algorithms, so only the repository's
 * name counts: `811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1`. `process:COMMAND` runs a program of the
 * user's own with `sh`.
 */
export function algorithmOf(
  request: Omit<CreateTrainingJobRequest, "Tags">,
  algorithms: Algorithms,
): TrainingAlgorithm {
  const { TrainingImage, AlgorithmName, MetricDefinitions } = request.AlgorithmSpecification ?? {};
  if (AlgorithmName !== undefined) throw notSupported("AlgorithmName");
  if (TrainingImage === undefined) throw invalid("AlgorithmSpecification needs a TrainingImage.");
  const own = (MetricDefinitions ?? []).map(({ Name, Regex }) => ({ name: Name as string, regex: Regex as string }));
  for (const { name, regex } of own) checkRegex(name, regex);
  if (isOwnProgram(request)) {
    return { command: "/bin/sh", args: ["-c", TrainingImage.slice(ownProgram.length)], metricDefinitions: own };
  }
  const repository = TrainingImage.split("/").at(-1)?.split(/[:@]/)[0] as string;
  const builtIn = Object.hasOwn(algorithms, repository) ? algorithms[repository]?.() : undefined;
  if (builtIn === undefined) {
    throw invalid(
      `The training image "${TrainingImage}" cannot be run here: the built-in algorithms are ${Object.keys(algorithms).join(", ")}; a program of your own is started by "process:COMMAND".`,
    );
  }
  const others = builtIn.metricDefinitions.filter(({ name }) => own.every((one) => one.name !== name));
  return { ...builtIn, metricDefinitions: [...others, ...own] };
}

const ownProgram = "process:";

/** Whether a program of the user's is to run, and not a built-in algorithm. */
export function isOwnProgram({ AlgorithmSpecification }: Omit<CreateTrainingJobRequest, "Tags">): boolean {
  return AlgorithmSpecification?.TrainingImage?.startsWith(ownProgram) ?? false;
}

function checkRegex(name: string, regex: string): void {
  try {
    new RegExp(regex);
  } catch (error) {
    throw invalid(`The regular expression of metric "${name}" cannot be read: ${(error as Error).message}`);
  }
}
