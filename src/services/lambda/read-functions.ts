import type {
  GetFunctionConfigurationRequest,
  GetFunctionRequest,
  ListFunctionsRequest,
  ListVersionsByFunctionRequest,
  PublishVersionRequest,
} from "@aws-sdk/client-lambda";
import type { Call, Handler } from "../../wire/service.ts";
import { type Configuration, type FunctionRecord, functionKind } from "./function-records.ts";
import { arnOf, type LambdaContext } from "./lambda-context.ts";
import { parseFunctionName } from "./names.ts";
import { publish } from "./publish-version.ts";

/** AWS answers at most 50 at a time. */
const pageSize = 50;

export function readHandlers(context: LambdaContext): Record<string, Handler> {
  const { resources, records, code } = context;

  function find(input: { FunctionName?: string; Qualifier?: string }, call: Call) {
    const wanted = parseFunctionName(input.FunctionName!, input.Qualifier);
    const suffix = wanted.qualifier === undefined ? "" : `:${wanted.qualifier}`;
    return records.resolve(wanted, `${arnOf(call, wanted.name)}${suffix}`);
  }

  return {
    GetFunction(input: GetFunctionRequest, call: Call) {
      const { record, configuration } = find(input, call);
      return {
        Configuration: configuration,
        Code: { RepositoryType: "S3", Location: code.locationOf(configuration.CodeSha256, call.baseUrl) },
        ...(Object.keys(record.tags).length > 0 && { Tags: record.tags }),
        ...(record.reservedConcurrency !== undefined && {
          Concurrency: { ReservedConcurrentExecutions: record.reservedConcurrency },
        }),
      };
    },
    GetFunctionConfiguration: (input: GetFunctionConfigurationRequest, call: Call) => find(input, call).configuration,
    ListFunctions(input: ListFunctionsRequest) {
      const limit = Math.min(input.MaxItems ?? pageSize, pageSize);
      const found = resources.list<FunctionRecord>(functionKind, {
        after: input.Marker || undefined,
        limit: limit + 1,
      });
      const page = found.slice(0, limit);
      const latest = page.map(({ value }) => value.configuration);
      const functions =
        input.FunctionVersion === "ALL"
          ? latest.flatMap((it) => [withQualifiedArn(it), ...records.versions(it.FunctionName)])
          : latest;
      return { Functions: functions, ...(found.length > limit && { NextMarker: page.at(-1)!.id }) };
    },
    PublishVersion(input: PublishVersionRequest, call: Call) {
      const { name } = parseFunctionName(input.FunctionName!);
      return publish(context, name, arnOf(call, name), input);
    },
    ListVersionsByFunction(input: ListVersionsByFunctionRequest, call: Call) {
      const { name } = parseFunctionName(input.FunctionName!);
      const { configuration } = records.need(name, arnOf(call, name));
      const all = [withQualifiedArn(configuration), ...records.versions(name)];
      const first = Number(input.Marker || 0);
      const end = first + Math.min(input.MaxItems ?? pageSize, pageSize);
      return { Versions: all.slice(first, end), ...(end < all.length && { NextMarker: String(end) }) };
    },
  };
}

function withQualifiedArn(configuration: Configuration): Configuration {
  return { ...configuration, FunctionArn: `${configuration.FunctionArn}:$LATEST` };
}
