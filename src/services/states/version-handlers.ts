import type {
  DeleteStateMachineVersionInput,
  ListStateMachineVersionsInput,
  ListStateMachineVersionsOutput,
  PublishStateMachineVersionInput,
  PublishStateMachineVersionOutput,
} from "@aws-sdk/client-sfn";
import { Fault } from "../../kit/fault.ts";
import { invalidArn, parseMachineArn } from "./arns.ts";
import {
  type AliasRecord,
  aliasKind,
  findLivingMachine,
  findMachine,
  machineKind,
  type VersionRecord,
  versionId,
  versionKind,
  versionsOf,
} from "./machine-records.ts";
import { page } from "./paging.ts";
import type { Parsed } from "./parsed.ts";
import type { ServiceContext } from "./service-context.ts";

export function versionHandlers(context: ServiceContext) {
  const { resources } = context.store;
  return {
    async PublishStateMachineVersion(
      input: Parsed<PublishStateMachineVersionInput>,
    ): Promise<PublishStateMachineVersionOutput> {
      const { stateMachineArn, revisionId, description } = input;
      const { arn, createdMs } = resources.transaction(() =>
        publishVersion(context, stateMachineArn, { revisionId, description }),
      );
      return { stateMachineVersionArn: arn, creationDate: new Date(createdMs) };
    },

    async ListStateMachineVersions(
      input: Parsed<ListStateMachineVersionsInput>,
    ): Promise<ListStateMachineVersionsOutput> {
      const machine = findMachine(resources, input.stateMachineArn);
      const all = versionsOf(resources, machine.name).reverse();
      const { items, nextToken } = page(all, input, {
        list: `versions ${machine.name}`,
        idOf: ({ number }) => String(number),
      });
      return {
        stateMachineVersions: items.map(({ number, createdMs }) => ({
          stateMachineVersionArn: `${machine.arn}:${number}`,
          creationDate: new Date(createdMs),
        })),
        nextToken,
      };
    },

    async DeleteStateMachineVersion(input: Parsed<DeleteStateMachineVersionInput>): Promise<object> {
      const { name, qualifier = "" } = parseMachineArn(input.stateMachineVersionArn);
      if (!/^\d+$/.test(qualifier)) throw invalidArn(input.stateMachineVersionArn);
      const aliases = resources
        .list<AliasRecord>(aliasKind, { prefix: `${name}:` })
        .filter(({ value }) =>
          value.routing.some((route) => parseMachineArn(route.stateMachineVersionArn).qualifier === qualifier),
        )
        .map(({ value }) => value.name);
      if (aliases.length > 0) {
        throw new Fault(
          "ConflictException",
          `Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [${aliases.join(", ")}]`,
        );
      }
      resources.delete(versionKind, versionId(name, Number(qualifier)));
      return {};
    },
  };
}

/** Publishing what was published already answers that version. To be called within a transaction. */
export function publishVersion(
  { store: { resources }, clock }: ServiceContext,
  machineArn: string,
  options: { revisionId?: string; description?: string },
): { arn: string; createdMs: number } {
  const machine = findLivingMachine(resources, machineArn);
  const current = machine.revisionId;
  if (options.revisionId !== undefined && options.revisionId !== (current ?? "INITIAL")) {
    throw new Fault(
      "ConflictException",
      `Failed to publish the State Machine version for revision ${options.revisionId}. The current State Machine revision is ${current ?? "INITIAL"}.`,
    );
  }
  const latest = versionsOf(resources, machine.name).at(-1);
  if (latest !== undefined && latest.revisionId === current) {
    return { arn: `${machine.arn}:${latest.number}`, createdMs: latest.createdMs };
  }
  const number = machine.lastVersion + 1;
  const { definition, roleArn, loggingConfiguration, tracingConfiguration, encryptionConfiguration, updatedMs } =
    machine;
  const version: VersionRecord = {
    number,
    machineName: machine.name,
    description: options.description,
    createdMs: clock.now(),
    definition,
    roleArn,
    loggingConfiguration,
    tracingConfiguration,
    encryptionConfiguration,
    revisionId: current,
    updatedMs,
  };
  resources.put(versionKind, versionId(machine.name, number), version);
  resources.put(machineKind, machine.name, { ...machine, lastVersion: number });
  return { arn: `${machine.arn}:${number}`, createdMs: version.createdMs };
}
