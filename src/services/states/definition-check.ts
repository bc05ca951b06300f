import type { Diagnostic } from "../../asl/contract.ts";
import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import { isTooDeep, tooDeepText } from "./json-text.ts";
import type { ServiceContext } from "./service-context.ts";

type MachineType = "STANDARD" | "EXPRESS";

/** One list of findings for Create, Update, Validate and TestState: the language's own, then resources nobody here can run. */
export function diagnose(context: ServiceContext, definition: string, type: MachineType): Diagnostic[] {
  const found = diagnoseLanguage(context, definition, type);
  if (found.some(({ severity }) => severity === "ERROR")) return found;
  return [...found, ...unknownResources(context, JSON.parse(definition) as Json, "")];
}

/** What the language itself says of a definition. */
export function diagnoseLanguage(context: ServiceContext, definition: string, type: MachineType): Diagnostic[] {
  if (!isTooDeep(definition)) return context.language.validate(definition, { type });
  return [{ severity: "ERROR", code: "INVALID_JSON_DESCRIPTION", message: tooDeepText }];
}

export function checkDefinition(context: ServiceContext, definition: string, type: MachineType): void {
  refuseErrors(diagnose(context, definition, type));
}

export function refuseErrors(found: readonly Diagnostic[]): void {
  const errors = found.filter(({ severity }) => severity === "ERROR");
  if (errors.length === 0) return;
  const texts = errors.map(({ code, message, location }) => {
    // A finding about JSON itself names its place in the text already.
    return location === undefined || code === "INVALID_JSON_DESCRIPTION"
      ? `${code}: ${message}`
      : `${code}: ${message} at ${location}`;
  });
  throw new Fault("InvalidDefinition", `Invalid State Machine Definition: '${texts.join(", ")}'`);
}

function unknownResources(context: ServiceContext, machine: Json, path: string): Diagnostic[] {
  const states = memberOf(machine, "States");
  if (states === null || typeof states !== "object" || Array.isArray(states)) return [];
  return Object.entries(states).flatMap(([name, state]) => {
    const here = `${path}/States/${name}`;
    const resource = memberOf(state, "Resource");
    const isTask = memberOf(state, "Type") === "Task" && typeof resource === "string";
    const refusal = isTask ? context.refusalOf(resource) : undefined;
    const own: Diagnostic[] =
      refusal === undefined
        ? []
        : [{ severity: "ERROR", code: "SCHEMA_VALIDATION_FAILED", message: refusal, location: `${here}/Resource` }];
    const branches = memberOf(state, "Branches");
    return [
      ...own,
      ...(Array.isArray(branches) ? branches : []).flatMap((branch, index) =>
        unknownResources(context, branch, `${here}/Branches[${index}]`),
      ),
      ...["ItemProcessor", "Iterator"].flatMap((member) =>
        unknownResources(context, memberOf(state, member), `${here}/${member}`),
      ),
    ];
  });
}

function memberOf(value: Json, name: string): Json {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return null;
  return value[name] ?? null;
}
