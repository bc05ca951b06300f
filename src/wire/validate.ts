// What AWS says about a request before its service sees it: what is missing, and what has the wrong form.
import { Fault } from "../kit/fault.ts";
import { type Constraint, constraintOf } from "./constraints.ts";
import type { Member, Model, Shape, Structure } from "./model.ts";

/** AWS reports at most this many at once. */
const maxViolations = 10;

export function validate(model: Model, shape: Structure, input: object): void {
  const violations: string[] = [];
  checkMembers(model.name, shape, input as Record<string, unknown>, "", violations);
  if (violations.length === 0) return;
  const shown = violations.slice(0, maxViolations);
  const noun = shown.length === 1 ? "validation error" : "validation errors";
  throw new Fault(validationCode(model), `${shown.length} ${noun} detected: ${shown.join("; ")}`);
}

/** Services differ in what they call a request that is wrong in form. */
function validationCode(model: Model): string {
  if (model.errors.has("ValidationException")) return "ValidationException";
  switch (model.name) {
    case "logs":
      return "InvalidParameterException";
    case "sagemaker-runtime":
      return "ValidationError";
    case "s3":
      return "InvalidRequest";
    default:
      return model.protocol === "query" || model.isQueryCompatible ? "ValidationError" : "ValidationException";
  }
}

function checkMembers(
  service: string,
  shape: Structure,
  input: Record<string, unknown>,
  path: string,
  violations: string[],
): void {
  for (const member of shape.members) {
    const value = input[member.name];
    const isAbsent = value === undefined || value === null;
    // Most members of a large shape are absent, and nothing is made for them.
    if (isAbsent && !member.isRequired) continue;
    const here = path === "" ? lowerFirst(member.name) : `${path}.${lowerFirst(member.name)}`;
    if (isAbsent) {
      violations.push(`Value null at '${here}' failed to satisfy constraint: Member must not be null`);
      continue;
    }
    const constraint = constraintOf(service, shape.name, member.name);
    const broken = constraint === undefined ? undefined : breach(constraint, value);
    if (broken !== undefined) {
      violations.push(`Value '${show(value)}' at '${here}' failed to satisfy constraint: ${broken}`);
    }
    checkInside(service, member, value, here, violations);
  }
  if (shape.isUnion) checkUnion(shape, input, path, violations);
}

function checkInside(service: string, { shape }: Member, value: unknown, path: string, violations: string[]): void {
  switch (shape.kind) {
    case "structure":
      if (!shape.isEventStream) checkMembers(service, shape, value as Record<string, unknown>, path, violations);
      break;
    case "list":
      if (!holdsStructures(shape.element.shape)) break;
      for (const [i, one] of (value as unknown[]).entries()) {
        const here = `${path}.${i + 1}.member`;
        if (one === null)
          violations.push(`Value null at '${here}' failed to satisfy constraint: Member must not be null`);
        else checkInside(service, shape.element, one, here, violations);
      }
      break;
    case "map":
      if (!holdsStructures(shape.value.shape)) break;
      for (const [key, one] of Object.entries(value as object)) {
        checkInside(service, shape.value, one, `${path}.${key}.member`, violations);
      }
      break;
    default:
  }
}

function holdsStructures(shape: Shape): boolean {
  return shape.kind === "structure" || shape.kind === "list" || shape.kind === "map";
}

function checkUnion(shape: Structure, input: Record<string, unknown>, path: string, violations: string[]): void {
  const set = shape.members.filter(({ name }) => input[name] !== undefined);
  if (set.length !== 1) {
    const names = shape.members.map(({ name }) => name).join(", ");
    violations.push(`Value at '${path}' failed to satisfy constraint: Exactly one of ${names} must be set`);
  }
}

function breach({ pattern, min, max, values }: Constraint, value: unknown): string | undefined {
  const size = typeof value === "number" ? value : typeof value === "string" ? value.length : sizeOf(value);
  const isCount = typeof value === "number";
  if (min !== undefined && size < min) {
    if (isCount) return `Member must have value greater than or equal to ${min}`;
    return `Member must have length greater than or equal to ${min}`;
  }
  if (max !== undefined && size > max) {
    if (isCount) return `Member must have value less than or equal to ${max}`;
    return `Member must have length less than or equal to ${max}`;
  }
  if (values !== undefined && !values.includes(String(value))) {
    return `Member must satisfy enum value set: [${values.join(", ")}]`;
  }
  if (pattern !== undefined && !pattern.test(String(value))) {
    const source = pattern.source.replace(/^\^\(\?:(.*)\)\$$/s, "$1").replaceAll("\\/", "/");
    return `Member must satisfy regular expression pattern: ${source}`;
  }
  return undefined;
}

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  if (value instanceof Uint8Array) return value.length;
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}

function show(value: unknown): string {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return text.length > 256 ? `${text.slice(0, 256)}...` : text;
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
