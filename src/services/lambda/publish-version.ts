import type { PublishVersionRequest } from "@aws-sdk/client-lambda";
import { type Configuration, checkRevision, versionId, versionKind } from "./function-records.ts";
import { type LambdaContext, lastModified } from "./lambda-context.ts";
import { invalid } from "./settings.ts";

type Wishes = Omit<PublishVersionRequest, "FunctionName">;

/** Freezes `$LATEST` under the next number; the same code and settings twice are one version, as on AWS. */
export function publish(
  { resources, records, clock }: LambdaContext,
  name: string,
  arn: string,
  wishes: Wishes,
): Configuration {
  return resources.transaction(() => {
    const record = records.need(name, arn);
    checkRevision(wishes.RevisionId, record.configuration);
    if (wishes.CodeSha256 !== undefined && wishes.CodeSha256 !== record.configuration.CodeSha256) {
      throw invalid(
        `CodeSHA256 (${wishes.CodeSha256}) is different from current CodeSHA256 in $LATEST (${record.configuration.CodeSha256}). Please try again with the CodeSHA256 in $LATEST.`,
      );
    }
    const last = records.versions(name).at(-1);
    if (last !== undefined && essence(last) === essence(record.configuration)) return last;
    const version = String(record.lastVersion + 1);
    const published: Configuration = {
      ...record.configuration,
      ...(wishes.Description !== undefined && { Description: wishes.Description }),
      Version: version,
      FunctionArn: `${record.configuration.FunctionArn}:${version}`,
      RevisionId: clock.uuid(),
      LastModified: lastModified(clock),
    };
    resources.put(versionKind, versionId(name, version), published);
    records.change(name, arn, (old) => ({ ...old, lastVersion: old.lastVersion + 1 }));
    return published;
  });
}

function essence({ Version, FunctionArn, RevisionId, LastModified, Description, ...rest }: Configuration): string {
  return JSON.stringify(rest);
}
