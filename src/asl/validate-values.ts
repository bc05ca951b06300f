import type { Json } from "../kit/json.ts";
import { compileJsonataTemplate, isExpression } from "./jsonata/template.ts";
import { compilePath } from "./paths/read.ts";
import { compileReference } from "./paths/reference.ts";
import { compileReferenceOrCall } from "./template.ts";
import { type Check, checkSyntax, type Fields, isObject, type Place } from "./validate-check.ts";

const templates = [
  "Parameters",
  "Arguments",
  "ItemSelector",
  "ResultSelector",
  "Assign",
  "Output",
  "Items",
  "Error",
  "Cause",
  "Seconds",
];
const jsonataFields = new Set([
  ...templates,
  "Timestamp",
  "Credentials",
  "ItemReader",
  "ItemBatcher",
  "ResultWriter",
  "Condition",
]);
const variableName = /^[\p{L}_][\p{L}\p{N}_]{0,79}$/u;

/** The fields that carry data in and out of any state: paths in JSONPath, expressions in JSONata. */
export function validateFlow(check: Check, state: Fields, place: Place): undefined {
  validateAssign(check, state["Assign"], place.path);
  if (place.language === "JSONata") return validateExpressions(check, state, place);
  for (const field of ["InputPath", "OutputPath", "ItemsPath", "SecondsPath", "TimestampPath"])
    validatePath(check, state, { field, place });
  for (const field of ["ErrorPath", "CausePath"]) {
    const text = state[field];
    if (text === undefined) continue;
    const problem = {
      message: `The value for the field '${field}' must be a valid JSONPath or a valid intrinsic function call`,
      location: `${place.path}/${field}`,
    };
    checkSyntax(check, problem, () => compileReferenceOrCall(text as string, field));
  }
  validateResultPath(check, state, place);
  for (const field of ["Parameters", "ResultSelector", "Assign"])
    validatePayload(check, { value: state[field], field, place });
}

export function validateResultPath(check: Check, holder: Fields, { path }: { path: string }): undefined {
  const text = holder["ResultPath"];
  if (text === undefined || text === null) return;
  checkSyntax(check, { message: "Value is not a valid Reference Path", location: `${path}/ResultPath` }, () =>
    compileReference(text as string),
  );
}

function validatePath(check: Check, state: Fields, { field, place }: { field: string; place: Place }): undefined {
  const text = state[field];
  if (text === undefined || (text === null && (field === "InputPath" || field === "OutputPath"))) return;
  checkSyntax(check, { message: "Value is not a valid JSONPath", location: `${place.path}/${field}` }, () =>
    compilePath(text as string),
  );
}

/** A template of JSONPath: everything under a `.$` name must be a path or an intrinsic call. */
export function validatePayload(
  check: Check,
  { value, field, place }: { value: Json | undefined; field: string; place: Place },
): undefined {
  if (value === undefined || place.language === "JSONata") return;
  walk(value, (name, text) => {
    const message = `The value for the field '${name}' must be a valid JSONPath or a valid intrinsic function call`;
    checkSyntax(check, { message, location: `${place.path}/${field}` }, () =>
      compileReferenceOrCall(text as string, name),
    );
  });
}

function walk(node: Json, visit: (name: string, value: Json) => void): undefined {
  if (Array.isArray(node)) for (const item of node) walk(item, visit);
  if (!isObject(node)) return;
  for (const [name, value] of Object.entries(node)) {
    if (name.endsWith(".$")) visit(name, value);
    else walk(value, visit);
  }
}

function validateAssign(check: Check, assign: Json | undefined, path: string): undefined {
  if (assign === undefined) return;
  if (!isObject(assign)) return check.report("Expected value of type Object", `${path}/Assign`);
  for (const name of Object.keys(assign)) {
    const variable = name.endsWith(".$") ? name.slice(0, -2) : name;
    if (variable === "states") check.report("The variable name 'states' is reserved", `${path}/Assign`);
    else if (!variableName.test(variable)) check.report(`'${variable}' is not a valid variable name`, `${path}/Assign`);
  }
}

/** Every expression of a JSONata state (or of its rules and catchers) must parse. */
export function validateExpressions(check: Check, holder: Fields, { path }: { path: string }): undefined {
  for (const [field, value] of Object.entries(holder)) {
    if (!jsonataFields.has(field) && !isExpression(value)) continue;
    if (field === "Comment") continue;
    checkSyntax(
      check,
      { message: `The JSONata expression in the field '${field}' is not valid`, location: `${path}/${field}` },
      () => compileJsonataTemplate(value, field),
    );
  }
}

/** A number that may instead stand at the end of a path in the twin field `...Path`, or be an expression. */
export function validateTwins(
  check: Check,
  state: Fields,
  { field, place, least }: { field: string; place: Place; least: number },
): undefined {
  const value = state[field];
  validatePath(check, state, { field: `${field}Path`, place });
  if (value !== undefined && state[`${field}Path`] !== undefined) {
    check.report(`Only one of the fields [${field}, ${field}Path] can be set`, place.path);
  }
  if (value === undefined || (place.language === "JSONata" && isExpression(value))) return;
  if (typeof value !== "number" || value < least)
    check.report(`Expected value of type Number, at least ${least}`, `${place.path}/${field}`);
}
