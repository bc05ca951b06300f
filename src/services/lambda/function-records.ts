import type { AliasConfiguration, FunctionConfiguration } from "@aws-sdk/client-lambda";
import type { FunctionSpec } from "../../functions/function-spec.ts";
import { Fault } from "../../kit/fault.ts";
import type { Resources } from "../../ports/resources.ts";
import { type FunctionName, functionNotFound } from "./names.ts";

/** What is stored of a function, under its name. */
export interface FunctionRecord {
  /** As it is answered, for `$LATEST`. */
  configuration: Configuration;
  tags: Record<string, string>;
  statements: Record<string, unknown>[];
  aliases: Record<string, AliasConfiguration>;
  lastVersion: number;
  reservedConcurrency?: number;
}

export type Configuration = FunctionConfiguration &
  Required<
    Pick<FunctionConfiguration, "FunctionName" | "FunctionArn" | "Runtime" | "Handler" | "CodeSha256" | "Version">
  > &
  Required<Pick<FunctionConfiguration, "Timeout" | "MemorySize" | "RevisionId">>;

export const functionKind = "lambda-function";
export const versionKind = "lambda-version";

export interface FunctionRecords {
  find(name: string): FunctionRecord | undefined;
  /** Or the fault that AWS answers; `arn` is what that names. */
  need(name: string, arn: string): FunctionRecord;
  /** The configuration that a name and qualifier mean. */
  resolve(name: FunctionName, arn: string): { record: FunctionRecord; configuration: Configuration };
  /** The version that a call of an alias with weights goes to, by a random number in [0, 1); else what was named. */
  routedVersion(name: FunctionName, random: number): string | undefined;
  change(name: string, arn: string, change: (record: FunctionRecord) => FunctionRecord): FunctionRecord;
  versions(name: string): Configuration[];
}

export function functionRecords(resources: Resources): FunctionRecords {
  const find = (name: string) => resources.get<FunctionRecord>(functionKind, name)?.value;
  const need = (name: string, arn: string): FunctionRecord => {
    const record = find(name);
    if (record === undefined) throw functionNotFound(arn);
    return record;
  };
  return {
    find,
    need,
    resolve({ name, qualifier = "$LATEST" }, arn) {
      const record = need(name, arn);
      if (qualifier === "$LATEST") return { record, configuration: record.configuration };
      const version = record.aliases[qualifier]?.FunctionVersion ?? qualifier;
      if (version === "$LATEST") return { record, configuration: record.configuration };
      const published = resources.get<Configuration>(versionKind, versionId(name, version));
      if (published === undefined) throw functionNotFound(arn);
      return { record, configuration: published.value };
    },
    routedVersion({ name, qualifier }, random) {
      const alias = find(name)?.aliases[qualifier ?? ""];
      const [other] = Object.entries(alias?.RoutingConfig?.AdditionalVersionWeights ?? {});
      return other !== undefined && random < other[1] ? other[0] : qualifier;
    },
    change(name, arn, change) {
      const changed = resources.update<FunctionRecord>(functionKind, name, change);
      if (changed === undefined) throw functionNotFound(arn);
      return changed.value;
    },
    versions: (name) => resources.list<Configuration>(versionKind, { prefix: `${name}:` }).map(({ value }) => value),
  };
}

/** Padded, so that the order of ids is the order of versions. */
export function versionId(name: string, version: string): string {
  return `${name}:${version.padStart(10, "0")}`;
}

export function specOf(record: FunctionRecord, configuration: Configuration, codeFolder: string): FunctionSpec {
  const name = configuration.FunctionName;
  return {
    name,
    version: configuration.Version,
    arn: record.configuration.FunctionArn,
    codeFolder,
    codeSha256: configuration.CodeSha256,
    runtime: configuration.Runtime,
    handler: configuration.Handler,
    timeoutMs: configuration.Timeout * 1000,
    memoryMb: configuration.MemorySize,
    ephemeralStorageMb: configuration.EphemeralStorage?.Size ?? 512,
    logGroup: configuration.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`,
    log: {
      format: configuration.LoggingConfig?.LogFormat ?? "Text",
      applicationLevel: configuration.LoggingConfig?.ApplicationLogLevel ?? "INFO",
      systemLevel: configuration.LoggingConfig?.SystemLogLevel ?? "INFO",
    },
    variables: configuration.Environment?.Variables ?? {},
    ...(record.reservedConcurrency !== undefined && { reservedConcurrency: record.reservedConcurrency }),
  };
}

export function checkRevision(wanted: string | undefined, configuration: { RevisionId?: string }): void {
  if (wanted === undefined || wanted === configuration.RevisionId) return;
  const message =
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id";
  throw new Fault("PreconditionFailedException", message, { status: 412, members: { Type: "User" } });
}
