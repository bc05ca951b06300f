import { Fault } from "../../kit/fault.ts";

/*
 * ARNs of Step Functions. Things are found by name whatever region and account an ARN names; the ARN itself is kept and
 * answered as it was written.
 */

export interface MachineArn {
  /** Without version or alias. */
  base: string;
  name: string;
  /** A version's number or an alias. */
  qualifier?: string;
}

export interface ExecutionArn {
  kind: "execution" | "express";
  machineName: string;
  name: string;
}

export function parseMachineArn(arn: string): MachineArn {
  const [resource, name, qualifier, ...rest] = resourceParts(arn);
  if (resource !== "stateMachine" || !name || rest.length > 0) throw invalidArn(arn);
  const base = qualifier === undefined ? arn : arn.slice(0, -qualifier.length - 1);
  return { base, name, qualifier };
}

export function parseExecutionArn(arn: string): ExecutionArn {
  const [resource, machineName, name] = resourceParts(arn);
  if (resource === "express") {
    throw new Fault("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'");
  }
  if (resource !== "execution" || !machineName || !name) throw invalidArn(arn);
  return { kind: "execution", machineName, name };
}

export function parseActivityArn(arn: string): string {
  const [resource, name, ...rest] = resourceParts(arn);
  if (resource !== "activity" || !name || rest.length > 0) throw invalidArn(arn);
  return name;
}

/** `arn:aws:states:<region>:<account>` of an ARN of ours. */
export function arnPrefix(arn: string): string {
  return arn.split(":").slice(0, 5).join(":");
}

export function regionOf(arn: string): string {
  return arn.split(":")[3] ?? "";
}

/** The execution's place in the store. */
export function executionId(machineName: string, name: string): string {
  return `${machineName}:${name}`;
}

export function executionArn(machineArn: string, name: string): string {
  return `${arnPrefix(machineArn)}:execution:${parseMachineArn(machineArn).name}:${name}`;
}

export function checkName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what AWS refuses
  if (name.length === 0 || name.length > 80 || /[\s?*<>{}[\]"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f]/.test(name)) {
    throw new Fault("InvalidName", `Invalid Name: '${name}'`);
  }
}

function resourceParts(arn: string): string[] {
  if (!/^arn:[^:]+:states:[^:]*:[^:]*:./.test(arn)) throw invalidArn(arn);
  return arn.split(":").slice(5);
}

export function invalidArn(arn: string): Fault {
  return new Fault("InvalidArn", `Invalid Arn: 'Invalid ARN prefix: ${arn}'`);
}
