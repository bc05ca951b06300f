import type {
  CreateStateMachineInput,
  CreateStateMachineOutput,
  DeleteStateMachineInput,
  DescribeStateMachineForExecutionInput,
  DescribeStateMachineForExecutionOutput,
  DescribeStateMachineInput,
  DescribeStateMachineOutput,
  ListStateMachinesInput,
  ListStateMachinesOutput,
  UpdateStateMachineInput,
  UpdateStateMachineOutput,
  ValidateStateMachineDefinitionInput,
  ValidateStateMachineDefinitionOutput,
} from "@aws-sdk/client-sfn";
import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import type { Call } from "../../wire/service.ts";
import { checkName, parseExecutionArn, parseMachineArn } from "./arns.ts";
import { checkDefinition, diagnose } from "./definition-check.ts";
import { groupOf } from "./execution-log.ts";
import { findExecution } from "./execution-records.ts";
import {
  findLivingMachine,
  findTarget,
  hashOf,
  type MachineRecord,
  machineDoesNotExist,
  machineKind,
} from "./machine-records.ts";
import { page } from "./paging.ts";
import type { Parsed } from "./parsed.ts";
import type { ServiceContext } from "./service-context.ts";
import { variableReferences } from "./variable-references.ts";
import { publishVersion } from "./version-handlers.ts";

const noLogging = { level: "OFF", includeExecutionData: false };
const noTracing = { enabled: false };
const ownedKey = { type: "AWS_OWNED_KEY" };

export function machineHandlers(context: ServiceContext) {
  const { store, clock } = context;
  const { resources } = store;
  return {
    async CreateStateMachine(input: Parsed<CreateStateMachineInput>, call: Call): Promise<CreateStateMachineOutput> {
      const { name, definition, roleArn, type = "STANDARD", publish = false, versionDescription } = input;
      checkName(name);
      checkVersionDescription(publish, versionDescription);
      checkRole(roleArn);
      const loggingConfiguration = checkLogging(context, (input.loggingConfiguration ?? noLogging) as Json);
      checkDefinition(context, definition, type);
      const nowMs = clock.now();
      const machine: MachineRecord = {
        arn: `arn:aws:states:${call.region}:${call.accountId}:stateMachine:${name}`,
        name,
        type,
        definition,
        roleArn,
        loggingConfiguration,
        tracingConfiguration: (input.tracingConfiguration ?? noTracing) as Json,
        encryptionConfiguration: (input.encryptionConfiguration ?? ownedKey) as unknown as Json,
        createdMs: nowMs,
        updatedMs: nowMs,
        lastVersion: 0,
        tags: Object.fromEntries((input.tags ?? []).map(({ key = "", value = "" }) => [key, value])),
      };
      return resources.transaction(() => {
        if (!resources.create(machineKind, name, machine)) {
          const taken = findLivingMachine(resources, machine.arn);
          if (!isSameMachine(taken, machine)) {
            throw new Fault("StateMachineAlreadyExists", `State Machine Already Exists: '${taken.arn}'`);
          }
          const versionArn = publish
            ? publishVersion(context, taken.arn, { description: versionDescription }).arn
            : undefined;
          return {
            stateMachineArn: taken.arn,
            creationDate: new Date(taken.createdMs),
            stateMachineVersionArn: versionArn,
          };
        }
        const versionArn = publish
          ? publishVersion(context, machine.arn, { description: versionDescription }).arn
          : undefined;
        return { stateMachineArn: machine.arn, creationDate: new Date(nowMs), stateMachineVersionArn: versionArn };
      });
    },

    async UpdateStateMachine(input: Parsed<UpdateStateMachineInput>): Promise<UpdateStateMachineOutput> {
      const { stateMachineArn, publish = false, versionDescription } = input;
      if (parseMachineArn(stateMachineArn).qualifier !== undefined) throw machineDoesNotExist(stateMachineArn);
      const before = findLivingMachine(resources, stateMachineArn);
      const { definition, roleArn, loggingConfiguration, tracingConfiguration, encryptionConfiguration } = input;
      const given = [definition, roleArn, loggingConfiguration, tracingConfiguration, encryptionConfiguration];
      if (given.every((value) => value === undefined)) {
        throw new Fault(
          "MissingRequiredParameter",
          "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
        );
      }
      checkVersionDescription(publish, versionDescription);
      if (roleArn !== undefined) checkRole(roleArn);
      if (definition !== undefined) checkDefinition(context, definition, before.type);
      const after: MachineRecord = {
        ...before,
        definition: definition ?? before.definition,
        roleArn: roleArn ?? before.roleArn,
        loggingConfiguration:
          loggingConfiguration === undefined
            ? before.loggingConfiguration
            : checkLogging(context, loggingConfiguration as Json),
        tracingConfiguration: (tracingConfiguration as Json | undefined) ?? before.tracingConfiguration,
        encryptionConfiguration:
          (encryptionConfiguration as unknown as Json | undefined) ?? before.encryptionConfiguration,
      };
      return resources.transaction(() => {
        if (!isSameMachine(before, after)) {
          after.revisionId = clock.uuid();
          after.updatedMs = clock.now();
          resources.put(machineKind, before.name, after);
        }
        const versionArn = publish
          ? publishVersion(context, before.arn, { description: versionDescription }).arn
          : undefined;
        return {
          updateDate: new Date(clock.now()),
          revisionId: after.revisionId,
          stateMachineVersionArn: versionArn,
        };
      });
    },

    async DescribeStateMachine(input: Parsed<DescribeStateMachineInput>): Promise<DescribeStateMachineOutput> {
      const { machine, revision, version } = findTarget(resources, input.stateMachineArn, clock.random());
      return {
        stateMachineArn: version === undefined ? machine.arn : `${machine.arn}:${version.number}`,
        name: machine.name,
        type: machine.type,
        status: machine.isDeleting ? "DELETING" : "ACTIVE",
        creationDate: new Date(version?.createdMs ?? machine.createdMs),
        description: version?.description,
        ...settingsOf(revision),
      };
    },

    async DescribeStateMachineForExecution(
      input: Parsed<DescribeStateMachineForExecutionInput>,
    ): Promise<DescribeStateMachineForExecutionOutput> {
      parseExecutionArn(input.executionArn);
      const { record, details } = findExecution(store, input.executionArn);
      return {
        stateMachineArn: details.machineArn,
        name: details.machineName,
        mapRunArn: details.mapRunArn,
        label: details.mapRunArn === undefined ? undefined : details.machineName.split("/").at(-1),
        updateDate: new Date(details.machineUpdatedMs),
        ...settingsOf({
          definition: store.executions.definition(record.definitionHash) ?? "{}",
          roleArn: details.roleArn,
          revisionId: details.revisionId,
          ...details.settings,
        }),
      };
    },

    async DeleteStateMachine(input: Parsed<DeleteStateMachineInput>): Promise<object> {
      const { name, qualifier } = parseMachineArn(input.stateMachineArn);
      if (qualifier !== undefined || name.includes("/")) {
        // Documented for the ARN of a Map's executions; whatever AWS does with a version's, no whole machine may go for it.
        const text = `The ARN of a state machine without version, alias or map label is needed: ${input.stateMachineArn}`;
        throw new Fault("ValidationException", text);
      }
      context.machineDeletion.delete(name);
      return {};
    },

    async ListStateMachines(input: Parsed<ListStateMachinesInput>): Promise<ListStateMachinesOutput> {
      const all = resources.list<MachineRecord>(machineKind).map(({ value }) => value);
      const { items, nextToken } = page(all, input, { list: "machines", idOf: ({ name }) => name });
      return {
        stateMachines: items.map(({ arn, name, type, createdMs }) => ({
          stateMachineArn: arn,
          name,
          type,
          creationDate: new Date(createdMs),
        })),
        nextToken,
      };
    },

    async ValidateStateMachineDefinition(
      input: Parsed<ValidateStateMachineDefinitionInput>,
    ): Promise<ValidateStateMachineDefinitionOutput> {
      const { definition, type = "STANDARD", severity = "ERROR", maxResults } = input;
      const found = diagnose(context, definition, type).filter(
        (one) => severity === "WARNING" || one.severity === "ERROR",
      );
      const limit = maxResults === undefined || maxResults === 0 ? 100 : maxResults;
      return {
        result: found.some((one) => one.severity === "ERROR") ? "FAIL" : "OK",
        diagnostics: found.slice(0, limit),
        truncated: found.length > limit,
      };
    },
  };
}

interface Settings {
  definition: string;
  roleArn: string;
  revisionId?: string;
  loggingConfiguration?: Json;
  tracingConfiguration?: Json;
  encryptionConfiguration?: Json;
}

function settingsOf(settings: Settings) {
  const { definition, roleArn, revisionId } = settings;
  const references = variableReferences(definition);
  return {
    definition,
    roleArn,
    revisionId,
    variableReferences: Object.keys(references).length === 0 ? undefined : references,
    loggingConfiguration: settings.loggingConfiguration as DescribeStateMachineOutput["loggingConfiguration"],
    tracingConfiguration: settings.tracingConfiguration as DescribeStateMachineOutput["tracingConfiguration"],
    encryptionConfiguration:
      settings.encryptionConfiguration as unknown as DescribeStateMachineOutput["encryptionConfiguration"],
  };
}

/** Settings that make a revision: the text counts, so the same JSON formatted differently is another one. */
function isSameMachine(a: MachineRecord, b: MachineRecord): boolean {
  const parts = (machine: MachineRecord) =>
    JSON.stringify([
      hashOf(machine.definition),
      machine.type,
      machine.roleArn,
      machine.loggingConfiguration,
      machine.tracingConfiguration,
      machine.encryptionConfiguration,
    ]);
  return parts(a) === parts(b);
}

function checkVersionDescription(publish: boolean, description: string | undefined): void {
  if (description !== undefined && !publish) {
    throw new Fault("ValidationException", "Version description can only be set when publish is true");
  }
}

export function checkRole(arn: string): void {
  if (!/^arn:[^:]+:iam::[^:]*:role\/./.test(arn)) {
    throw new Fault("InvalidArn", `Invalid Arn: 'Invalid ARN prefix: ${arn}'`);
  }
}

function checkLogging(context: ServiceContext, configuration: Json): Json {
  const {
    level = "OFF",
    includeExecutionData = false,
    destinations = [],
  } = configuration as {
    level?: string;
    includeExecutionData?: boolean;
    destinations?: { cloudWatchLogsLogGroup?: { logGroupArn?: string } }[];
  };
  const invalid = (text: string) => new Fault("InvalidLoggingConfiguration", `Invalid Logging Configuration: ${text}`);
  if (level !== "OFF" && destinations.length !== 1) throw invalid("Must specify exactly one Log Destination.");
  for (const { cloudWatchLogsLogGroup } of destinations) {
    const group = groupOf(cloudWatchLogsLogGroup?.logGroupArn ?? "");
    const exists = context.store.logs.groups(group).some(({ name }) => name === group);
    if (level !== "OFF" && !exists) throw invalid("Log Destination not found.");
  }
  const kept: { [name: string]: Json } = { level, includeExecutionData };
  if (destinations.length > 0) kept["destinations"] = destinations as unknown as Json;
  return kept;
}
