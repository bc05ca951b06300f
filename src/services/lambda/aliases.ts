import type {
  AliasConfiguration,
  CreateAliasRequest,
  DeleteAliasRequest,
  GetAliasRequest,
  ListAliasesRequest,
  UpdateAliasRequest,
} from "@aws-sdk/client-lambda";
import { Fault } from "../../kit/fault.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { checkRevision } from "./function-records.ts";
import { arnOf, type LambdaContext } from "./lambda-context.ts";
import { parseFunctionName } from "./names.ts";
import { invalid } from "./settings.ts";

export function aliasHandlers({ records, clock }: LambdaContext): Record<string, Handler> {
  function find(input: { FunctionName?: string; Name?: string }, call: Call) {
    const { name } = parseFunctionName(input.FunctionName!);
    const arn = arnOf(call, name);
    const alias = records.need(name, arn).aliases[input.Name!];
    if (alias === undefined) {
      const message = `Cannot find alias arn: ${arn}:${input.Name}`;
      throw new Fault("ResourceNotFoundException", message, { status: 404, members: { Type: "User" } });
    }
    return { name, arn, alias };
  }

  function keep(name: string, arn: string, alias: AliasConfiguration): AliasConfiguration {
    records.change(name, arn, (old) => ({ ...old, aliases: { ...old.aliases, [alias.Name!]: alias } }));
    return alias;
  }

  function check(name: string, arn: string, input: CreateAliasRequest | UpdateAliasRequest): void {
    const version = input.FunctionVersion;
    if (version !== undefined) records.resolve({ name, qualifier: version }, `${arn}:${version}`);
    const weights = Object.entries(input.RoutingConfig?.AdditionalVersionWeights ?? {});
    if (weights.length > 1) throw invalid("Number of items in AdditionalVersionWeights cannot be greater than 1");
    for (const [other, weight] of weights) {
      if (!(weight >= 0 && weight <= 1)) {
        throw new Fault(
          "ValidationException",
          `1 validation error detected: Value '{${other}=${weight}}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]`,
        );
      }
      if (version === "$LATEST") {
        throw invalid("$LATEST is not supported for an alias pointing to more than 1 version");
      }
      if (other === version) {
        throw invalid(
          `Invalid function version ${version}. Function version ${version} is already included in routing configuration.`,
        );
      }
      records.resolve({ name, qualifier: other }, `${arn}:${other}`);
    }
  }

  return {
    CreateAlias(input: CreateAliasRequest, call: Call) {
      const { name } = parseFunctionName(input.FunctionName!);
      const arn = arnOf(call, name);
      const record = records.need(name, arn);
      if (/^[0-9]+$/.test(input.Name!)) throw invalid(`An alias cannot be a number: ${input.Name}`);
      if (record.aliases[input.Name!] !== undefined) {
        const message = `Alias already exists: ${arn}:${input.Name}`;
        throw new Fault("ResourceConflictException", message, { status: 409, members: { Type: "User" } });
      }
      check(name, arn, input);
      return keep(name, arn, {
        AliasArn: `${record.configuration.FunctionArn}:${input.Name}`,
        Name: input.Name,
        FunctionVersion: input.FunctionVersion,
        Description: input.Description ?? "",
        ...routingOf(input),
        RevisionId: clock.uuid(),
      });
    },
    GetAlias: (input: GetAliasRequest, call: Call) => find(input, call).alias,
    UpdateAlias(input: UpdateAliasRequest, call: Call) {
      const { name, arn, alias } = find(input, call);
      checkRevision(input.RevisionId, alias);
      const FunctionVersion = input.FunctionVersion ?? alias.FunctionVersion;
      check(name, arn, { ...input, FunctionVersion });
      const Description = input.Description ?? alias.Description;
      const { RoutingConfig, ...kept } = alias;
      const routing = input.RoutingConfig === undefined ? routingOf({ RoutingConfig }) : routingOf(input);
      return keep(name, arn, { ...kept, ...routing, FunctionVersion, Description, RevisionId: clock.uuid() });
    },
    DeleteAlias(input: DeleteAliasRequest, call: Call) {
      const { name } = parseFunctionName(input.FunctionName!);
      records.change(name, arnOf(call, name), (old) => {
        const { [input.Name!]: _, ...aliases } = old.aliases;
        return { ...old, aliases };
      });
      return {};
    },
    ListAliases(input: ListAliasesRequest, call: Call) {
      const { name } = parseFunctionName(input.FunctionName!);
      const all = Object.values(records.need(name, arnOf(call, name)).aliases);
      return { Aliases: all.filter((it) => (input.FunctionVersion ?? it.FunctionVersion) === it.FunctionVersion) };
    },
  };
}

/** An empty one takes the weights away. */
function routingOf({
  RoutingConfig,
}: Pick<AliasConfiguration, "RoutingConfig">): Pick<AliasConfiguration, "RoutingConfig"> {
  const isThere = Object.keys(RoutingConfig?.AdditionalVersionWeights ?? {}).length > 0;
  return isThere ? { RoutingConfig } : {};
}
