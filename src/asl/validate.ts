import type { Json } from "../kit/json.ts";
import type { Diagnostic } from "./contract.ts";
import { fieldsOfBranch, fieldsOfMachine, fieldsOfState, type Language, stateTypes } from "./fields.ts";
import { jsonProblem } from "./json-problem.ts";
import { type Check, isObject, type Place } from "./validate-check.ts";
import { validateScopes } from "./validate-scopes.ts";
import { validateState } from "./validate-state.ts";
import { validateScopeTargets } from "./validate-targets.ts";
import { warnOfState } from "./validate-warnings.ts";

/** As many findings as ValidateStateMachineDefinition answers at most. */
const maxDiagnostics = 100;

/**
 * What AWS would say about a definition: nothing when it is accepted. One list for CreateStateMachine, UpdateStateMachine,
 * ValidateStateMachineDefinition and TestState.
 */
export function validate(
  definition: string | Json,
  { type = "STANDARD" }: { type?: "STANDARD" | "EXPRESS" } = {},
): Diagnostic[] {
  let machine: Json;
  if (typeof definition === "string") {
    if (definition.trim() === "") return [notAnObject];
    try {
      machine = JSON.parse(definition) as Json;
    } catch {
      return [jsonProblem(definition)];
    }
  } else machine = definition;
  if (!isObject(machine)) return [notAnObject];
  const diagnostics: Diagnostic[] = [];
  const check: Check = {
    type,
    machineLanguage: machine["QueryLanguage"] === "JSONata" ? "JSONata" : "JSONPath",
    report: (message, location, code = "SCHEMA_VALIDATION_FAILED") => {
      if (diagnostics.length < maxDiagnostics) diagnostics.push({ severity: "ERROR", code, message, location });
    },
    warn: (code, message, location) => {
      if (diagnostics.length < maxDiagnostics) diagnostics.push({ severity: "WARNING", code, message, location });
    },
    validateScope: (scope, place) => validateScope(check, { scope, place, known: fieldsOfBranch }),
  };
  validateScope(check, {
    scope: machine,
    place: { path: "", language: check.machineLanguage },
    known: fieldsOfMachine,
  });
  validateTimeout(check, machine);
  // Of the whole machine only once its parts are right.
  if (diagnostics.every(({ severity }) => severity === "WARNING")) validateScopes(check, machine);
  return diagnostics;
}

const notAnObject: Diagnostic = {
  severity: "ERROR",
  code: "SCHEMA_VALIDATION_FAILED",
  message: "Definition must be a valid JSON object",
};

function validateTimeout(check: Check, machine: { [name: string]: Json }): undefined {
  const seconds = machine["TimeoutSeconds"];
  if (seconds === undefined || (typeof seconds === "number" && Number.isInteger(seconds) && seconds > 0)) return;
  check.report("Expected value of type Integer greater than 0", "/TimeoutSeconds");
}

/** A machine, branch or item processor. */
function validateScope(
  check: Check,
  { scope, place, known }: { scope: Json | undefined; place: Place; known: ReadonlySet<string> },
): undefined {
  const at = place.path === "" ? "/" : place.path;
  if (!isObject(scope)) return check.report("Expected value of type Object", at);
  const missing = ["States", "StartAt"].filter((name) => scope[name] === undefined);
  if (missing.length > 0) check.report(`These fields are required: [${missing.join(", ")}]`, at);
  for (const name of Object.keys(scope)) {
    if (!known.has(name)) check.report(`Field '${name}' is not supported`, `${place.path}/${name}`);
  }
  const language = scopeLanguage(check, scope, place);
  const { States: states, StartAt: startAt } = scope;
  if (startAt !== undefined && typeof startAt !== "string")
    check.report("Expected value of type String", `${place.path}/StartAt`);
  if (states === undefined) return;
  if (!isObject(states)) return check.report("Expected value of type Object", `${place.path}/States`);
  if (Object.keys(states).length === 0) return check.report("Value cannot be empty", `${place.path}/States`);
  for (const [name, state] of Object.entries(states)) {
    validateOneState(check, { name, state, place: { path: `${place.path}/States/${name}`, language } });
  }
  if (typeof startAt === "string") validateScopeTargets(check, { startAt, states, path: place.path });
}

function scopeLanguage(check: Check, scope: { [name: string]: Json }, place: Place): Language {
  const own = scope["QueryLanguage"];
  if (own === undefined) return place.language;
  if (own === "JSONPath" || own === "JSONata") return own;
  check.report(
    "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]",
    `${place.path}/QueryLanguage`,
  );
  return place.language;
}

function validateOneState(
  check: Check,
  { name, state, place }: { name: string; state: Json; place: Place },
): undefined {
  if (!isObject(state)) return check.report("Expected value of type Object", place.path);
  if (name.length > 80) check.report("State name must not be longer than 80 characters", place.path);
  const type = state["Type"];
  if (type === undefined) return check.report("The field 'Type' is required but was missing", place.path);
  if (!(stateTypes as readonly Json[]).includes(type)) {
    return check.report(
      `The field 'Type' should have one of these values: [${stateTypes.join(", ")}]`,
      `${place.path}/Type`,
    );
  }
  const language = scopeLanguage(check, state, place);
  if (check.machineLanguage === "JSONata" && language === "JSONPath") {
    return check.report(
      "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
      place.path,
    );
  }
  const known = fieldsOfState(type as string, language);
  for (const field of Object.keys(state)) {
    if (known.has(field)) continue;
    check.report(
      `Field '${field}' is not supported by a ${type} state of the query language ${language}`,
      `${place.path}/${field}`,
    );
  }
  const comment = state["Comment"];
  if (comment !== undefined && typeof comment !== "string")
    check.report("Expected value of type String", `${place.path}/Comment`);
  validateState(check, { state, type: type as string, place: { path: place.path, language } });
  warnOfState(check, state, { path: place.path, language });
}
