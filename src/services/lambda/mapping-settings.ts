// What a caller may say about an event source mapping: read and checked here once, in AWS's words.
import type {
  CreateEventSourceMappingRequest,
  FilterCriteria,
  UpdateEventSourceMappingRequest,
} from "@aws-sdk/client-lambda";
import { Fault } from "../../kit/fault.ts";
import type { Operations } from "../../ports/operations.ts";
import { compileFilters } from "./message-filter.ts";
import { invalid } from "./settings.ts";

export interface MappingSettings {
  batchSize: number;
  windowSeconds: number;
  filters: string[];
  reportsItemFailures: boolean;
  maxConcurrency?: number;
}

export const defaultMappingSettings: MappingSettings = {
  batchSize: 10,
  windowSeconds: 0,
  filters: [],
  reportsItemFailures: false,
};

/** AWS takes five, and ten on request. */
const maxFilters = 10;
/** What one receive brings; more in a batch takes a window to wait in. */
const maxReceived = 10;
/** Members that only streams and brokers have. */
const ofOtherSources = [
  ...["StartingPosition", "StartingPositionTimestamp", "DestinationConfig", "MaximumRecordAgeInSeconds"],
  ...["BisectBatchOnFunctionError", "MaximumRetryAttempts", "ParallelizationFactor", "TumblingWindowInSeconds"],
  ...["Topics", "Queues", "SourceAccessConfigurations", "SelfManagedEventSource", "ProvisionedPollerConfig"],
] as const;

type Input = Partial<CreateEventSourceMappingRequest> & Partial<UpdateEventSourceMappingRequest>;

export function mappingSettings(input: Input, before: MappingSettings): MappingSettings {
  const stray = ofOtherSources.find((name) => {
    const value = (input as Record<string, unknown>)[name];
    return value !== undefined && !(Array.isArray(value) && value.length === 0);
  });
  if (stray !== undefined) throw invalid(`Unsupported parameter for an SQS event source: ${stray}`); // a guess at the text
  const responseTypes: readonly string[] = input.FunctionResponseTypes ?? [];
  if (responseTypes.some((type) => type !== "ReportBatchItemFailures")) {
    throw new Fault(
      "ValidationException",
      `1 validation error detected: Value '[${responseTypes.join(", ")}]' at 'functionResponseTypes' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures]]`,
    );
  }
  const settings: MappingSettings = {
    batchSize: input.BatchSize ?? before.batchSize,
    windowSeconds: input.MaximumBatchingWindowInSeconds ?? before.windowSeconds,
    filters: input.FilterCriteria === undefined ? before.filters : patternsOf(input.FilterCriteria),
    reportsItemFailures:
      input.FunctionResponseTypes === undefined ? before.reportsItemFailures : responseTypes.length > 0,
    maxConcurrency: input.ScalingConfig === undefined ? before.maxConcurrency : input.ScalingConfig.MaximumConcurrency,
  };
  if (settings.batchSize > maxReceived && settings.windowSeconds === 0) {
    throw invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10");
  }
  return settings;
}

function patternsOf({ Filters = [] }: FilterCriteria): string[] {
  if (Filters.length > maxFilters) throw invalid(`A mapping takes at most ${maxFilters} filters.`);
  const patterns = Filters.map(({ Pattern }) => Pattern ?? "");
  compileFilters(patterns);
  return patterns;
}

/** The queue that an ARN names; a fault in AWS's words where it is missing or would show messages again too soon. */
export async function checkQueue(
  operations: Operations,
  { queueArn, functionTimeout }: { queueArn: string; functionTimeout: number },
): Promise<void> {
  const QueueUrl = queueUrlOf(queueArn);
  const attributes = await operations
    .call("sqs", "GetQueueAttributes", { QueueUrl, AttributeNames: ["VisibilityTimeout"] })
    .catch((error: unknown) => {
      if (!(error instanceof Fault)) throw error;
      const code = "AWS.SimpleQueueService.NonExistentQueue";
      throw invalid(
        `Error occurred while ReceiveMessage. SQS Error Code: ${code}. SQS Error Message: The specified queue does not exist.`,
      );
    });
  const visibility = Number((attributes.output["Attributes"] as Record<string, string>)["VisibilityTimeout"]);
  if (visibility < functionTimeout) {
    throw invalid(
      `Queue visibility timeout: ${visibility} seconds is less than Function timeout: ${functionTimeout} seconds`,
    );
  }
}

export function queueUrlOf(queueArn: string): string {
  const [, , , region, account, name] = queueArn.split(":");
  return `https://sqs.${region}.amazonaws.com/${account}/${name}`;
}
