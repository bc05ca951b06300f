import { createHash } from "node:crypto";
import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import type { Resources } from "../../ports/resources.ts";
import { parseMachineArn } from "./arns.ts";

export const machineKind = "states.machine";
export const versionKind = "states.version";
export const aliasKind = "states.alias";

/** What a revision of a state machine is made of. */
export interface Revision {
  definition: string;
  roleArn: string;
  loggingConfiguration: Json;
  tracingConfiguration: Json;
  encryptionConfiguration: Json;
  /** Absent on the initial revision. */
  revisionId?: string;
  updatedMs: number;
}

export interface MachineRecord extends Revision {
  arn: string;
  name: string;
  type: "STANDARD" | "EXPRESS";
  createdMs: number;
  /** Numbers are never used again. */
  lastVersion: number;
  /** It only waits for its executions to end. */
  isDeleting?: boolean;
  tags: { [key: string]: string };
}

export interface VersionRecord extends Revision {
  number: number;
  machineName: string;
  description?: string;
  createdMs: number;
}

export interface AliasRecord {
  arn: string;
  name: string;
  machineName: string;
  description?: string;
  routing: { stateMachineVersionArn: string; weight: number }[];
  createdMs: number;
  updatedMs: number;
}

export function findMachine(resources: Resources, arn: string): MachineRecord {
  const machine = resources.get<MachineRecord>(machineKind, parseMachineArn(arn).name)?.value;
  if (machine === undefined) throw machineDoesNotExist(arn);
  return machine;
}

/** A machine that may be changed or started. */
export function findLivingMachine(resources: Resources, arn: string): MachineRecord {
  const machine = findMachine(resources, arn);
  refuseDeleting(machine);
  return machine;
}

export function refuseDeleting({ arn, isDeleting }: MachineRecord): void {
  // The words are a guess by analogy.
  if (isDeleting) throw new Fault("StateMachineDeleting", `State Machine Deleting: '${arn}'`);
}

/** Of versions the id is such that they sort by number. */
export function versionId(machineName: string, number: number): string {
  return `${machineName}:${String(number).padStart(10, "0")}`;
}

export function versionsOf(resources: Resources, machineName: string): VersionRecord[] {
  return resources.list<VersionRecord>(versionKind, { prefix: `${machineName}:` }).map(({ value }) => value);
}

export function findVersion(resources: Resources, arn: string): VersionRecord | undefined {
  const { name, qualifier } = parseMachineArn(arn);
  if (qualifier === undefined || !/^\d{1,10}$/.test(qualifier)) return undefined;
  return resources.get<VersionRecord>(versionKind, versionId(name, Number(qualifier)))?.value;
}

export function findAlias(resources: Resources, arn: string): AliasRecord | undefined {
  const { name, qualifier } = parseMachineArn(arn);
  if (qualifier === undefined) return undefined;
  return resources.get<AliasRecord>(aliasKind, `${name}:${qualifier}`)?.value;
}

export interface Target {
  machine: MachineRecord;
  revision: Revision;
  version?: VersionRecord;
  versionArn?: string;
  aliasArn?: string;
}

/** What an ARN with or without version or alias leads to. `random` chooses among an alias's versions by weight. */
export function findTarget(resources: Resources, arn: string, random: number): Target {
  const { name, base, qualifier } = parseMachineArn(arn);
  const machine = resources.get<MachineRecord>(machineKind, name)?.value;
  if (machine === undefined) throw machineDoesNotExist(arn);
  if (qualifier === undefined) return { machine, revision: machine };
  const alias = findAlias(resources, arn);
  const versionArn = alias === undefined ? `${base}:${qualifier}` : chooseVersion(alias, random);
  const version = findVersion(resources, versionArn);
  if (version === undefined) throw machineDoesNotExist(arn);
  return { machine, revision: version, version, versionArn, aliasArn: alias?.arn };
}

export function machineDoesNotExist(arn: string): Fault {
  return new Fault("StateMachineDoesNotExist", `State Machine Does Not Exist: '${arn}'`);
}

export function hashOf(definition: string): string {
  return createHash("sha256").update(definition).digest("hex");
}

function chooseVersion({ routing }: AliasRecord, random: number): string {
  let rest = random * 100;
  const chosen = routing.find(({ weight }) => {
    rest -= weight;
    return rest < 0;
  });
  return (chosen ?? (routing[0] as AliasRecord["routing"][number])).stateMachineVersionArn;
}
