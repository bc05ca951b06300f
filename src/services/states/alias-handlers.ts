import type {
  CreateStateMachineAliasInput,
  CreateStateMachineAliasOutput,
  DeleteStateMachineAliasInput,
  DescribeStateMachineAliasInput,
  DescribeStateMachineAliasOutput,
  ListStateMachineAliasesInput,
  ListStateMachineAliasesOutput,
  RoutingConfigurationListItem,
  UpdateStateMachineAliasInput,
  UpdateStateMachineAliasOutput,
} from "@aws-sdk/client-sfn";
import { Fault } from "../../kit/fault.ts";
import { parseMachineArn } from "./arns.ts";
import { type AliasRecord, aliasKind, findAlias, findLivingMachine, findVersion } from "./machine-records.ts";
import { page } from "./paging.ts";
import type { Parsed } from "./parsed.ts";
import type { ServiceContext } from "./service-context.ts";

const namePattern = "^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$";

export function aliasHandlers({ store: { resources }, clock }: ServiceContext) {
  const checkRouting = (routes: readonly RoutingConfigurationListItem[]): AliasRecord["routing"] => {
    const routing = routes.map(({ stateMachineVersionArn = "", weight = 0 }) => ({ stateMachineVersionArn, weight }));
    const arns = routing.map((route) => route.stateMachineVersionArn);
    const invalid = (text: string) => new Fault("ValidationException", text);
    if (routing.length < 1 || routing.length > 2) {
      const shown = routing
        .map(
          (route) =>
            `RoutingConfigurationListItem(stateMachineVersionArn=${route.stateMachineVersionArn}, weight=${route.weight})`,
        )
        .join(", ");
      const bound = routing.length < 1 ? "greater than or equal to 1" : "less than or equal to 2";
      throw invalid(
        `1 validation error detected: Value '[${shown}]' at 'routingConfiguration' failed to satisfy constraint: Member must have length ${bound}`,
      );
    }
    for (const [index, { weight }] of routing.entries()) {
      if (weight >= 0 && weight <= 100) continue;
      const bound = weight > 100 ? "less than or equal to 100" : "greater than or equal to 0";
      throw invalid(
        `1 validation error detected: Value '${weight}' at 'routingConfiguration.${index + 1}.member.weight' failed to satisfy constraint: Member must have value ${bound}`,
      );
    }
    if (arns.some((arn) => !/^\d+$/.test(parseMachineArn(arn).qualifier ?? ""))) {
      throw invalid(`Routing configuration must contain state machine version ARNs. Received: [${arns.join(", ")}]`);
    }
    if (new Set(arns).size !== arns.length) {
      throw invalid(
        `Routing configuration must contain distinct state machine version ARNs. Received: [${arns.join(", ")}]`,
      );
    }
    if (new Set(arns.map((arn) => parseMachineArn(arn).name)).size !== 1) {
      // That it is refused is documented; the words are a guess.
      throw invalid(
        `Routing configuration must contain versions of the same state machine. Received: [${arns.join(", ")}]`,
      );
    }
    const weights = routing.map(({ weight }) => weight);
    if (weights.reduce((sum, weight) => sum + weight, 0) !== 100) {
      throw invalid(`Sum of routing configuration weights must equal 100. Received: [${weights.join(", ")}]`);
    }
    if (arns.some((arn) => findVersion(resources, arn) === undefined)) throw missing();
    return routing;
  };
  const find = (arn: string): AliasRecord => {
    const alias = findAlias(resources, arn);
    if (alias === undefined) throw missing();
    return alias;
  };

  return {
    async CreateStateMachineAlias(input: Parsed<CreateStateMachineAliasInput>): Promise<CreateStateMachineAliasOutput> {
      const { name, description, routingConfiguration } = input;
      if (!new RegExp(namePattern).test(name)) {
        throw new Fault(
          "ValidationException",
          `1 validation error detected: Value '${name}' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ${namePattern}`,
        );
      }
      const routing = checkRouting(routingConfiguration);
      const target = parseMachineArn((routing[0] as AliasRecord["routing"][number]).stateMachineVersionArn);
      const machine = findLivingMachine(resources, target.base);
      const nowMs = clock.now();
      const alias: AliasRecord = {
        arn: `${machine.arn}:${name}`,
        name,
        machineName: machine.name,
        description,
        routing,
        createdMs: nowMs,
        updatedMs: nowMs,
      };
      const id = `${machine.name}:${name}`;
      if (resources.create(aliasKind, id, alias)) {
        return { stateMachineAliasArn: alias.arn, creationDate: new Date(nowMs) };
      }
      const taken = find(alias.arn);
      if (JSON.stringify(taken.routing) !== JSON.stringify(routing)) {
        throw new Fault(
          "ConflictException",
          "Failed to create alias because an alias with the same name and a different routing configuration already exists.",
        );
      }
      return { stateMachineAliasArn: taken.arn, creationDate: new Date(taken.createdMs) };
    },

    async UpdateStateMachineAlias(input: Parsed<UpdateStateMachineAliasInput>): Promise<UpdateStateMachineAliasOutput> {
      const alias = find(input.stateMachineAliasArn);
      findLivingMachine(resources, alias.arn);
      const routing =
        input.routingConfiguration === undefined ? alias.routing : checkRouting(input.routingConfiguration);
      const updatedMs = clock.now();
      const description = input.description ?? alias.description;
      resources.put(aliasKind, `${alias.machineName}:${alias.name}`, { ...alias, description, routing, updatedMs });
      return { updateDate: new Date(updatedMs) };
    },

    async DescribeStateMachineAlias(
      input: Parsed<DescribeStateMachineAliasInput>,
    ): Promise<DescribeStateMachineAliasOutput> {
      const { arn, name, description, routing, createdMs, updatedMs } = find(input.stateMachineAliasArn);
      return {
        stateMachineAliasArn: arn,
        name,
        description,
        routingConfiguration: routing,
        creationDate: new Date(createdMs),
        updateDate: new Date(updatedMs),
      };
    },

    async DeleteStateMachineAlias(input: Parsed<DeleteStateMachineAliasInput>): Promise<object> {
      const { name, machineName } = find(input.stateMachineAliasArn);
      resources.delete(aliasKind, `${machineName}:${name}`);
      return {};
    },

    async ListStateMachineAliases(input: Parsed<ListStateMachineAliasesInput>): Promise<ListStateMachineAliasesOutput> {
      const { name, base, qualifier } = parseMachineArn(input.stateMachineArn);
      findLivingMachine(resources, base);
      const all = resources
        .list<AliasRecord>(aliasKind, { prefix: `${name}:` })
        .map(({ value }) => value)
        .filter(({ routing }) => {
          if (qualifier === undefined) return true;
          return routing.some((route) => parseMachineArn(route.stateMachineVersionArn).qualifier === qualifier);
        });
      const { items, nextToken } = page(all, input, { list: `aliases ${base}`, idOf: (alias) => alias.name });
      return {
        stateMachineAliases: items.map(({ arn, createdMs }) => ({
          stateMachineAliasArn: arn,
          creationDate: new Date(createdMs),
        })),
        nextToken,
      };
    },
  };
}

function missing(): Fault {
  return new Fault("ResourceNotFound", "Request references a resource that does not exist.");
}
