import type { Json } from "../kit/json.ts";
import { choiceOperators } from "./choice-rule.ts";
import { isExpression } from "./jsonata/template.ts";
import { compilePath } from "./paths/read.ts";
import { parseTimestamp } from "./time.ts";
import { type Check, checkSyntax, type Fields, isObject, type Place } from "./validate-check.ts";
import { validateExpressions, validatePayload } from "./validate-values.ts";

export function validateChoice(check: Check, state: Fields, place: Place): undefined {
  const rules = state["Choices"];
  const location = `${place.path}/Choices`;
  if (rules === undefined) return check.report("The field 'Choices' is required but was missing", place.path);
  if (!Array.isArray(rules)) return check.report("Expected value of type Array", location);
  if (rules.length === 0) return check.report("Value cannot be empty", location);
  for (const [i, rule] of rules.entries()) {
    const at = { path: `${location}[${i}]`, language: place.language };
    if (!isObject(rule)) check.report("Expected value of type Object", at.path);
    else {
      if (typeof rule["Next"] !== "string") check.report("The field 'Next' is required but was missing", at.path);
      if (place.language === "JSONata") validateCondition(check, rule, at);
      else validateRule(check, rule, { ...at, isTop: true });
    }
  }
}

function validateCondition(check: Check, rule: Fields, place: Place): undefined {
  const known = new Set(["Condition", "Next", "Comment", "Assign", "Output"]);
  refuseUnknown(check, rule, { known, path: place.path });
  const condition = rule["Condition"];
  if (condition === undefined) check.report("The field 'Condition' is required but was missing", place.path);
  else if (typeof condition !== "boolean" && !isExpression(condition)) {
    check.report("The field 'Condition' must be a boolean or a JSONata expression", `${place.path}/Condition`);
  }
  validateExpressions(check, rule, place);
}

function validateRule(check: Check, rule: Fields, at: Place & { isTop: boolean }): undefined {
  const operators = Object.keys(rule).filter((name) => choiceOperators.has(name));
  const known = new Set([...operators, "Variable", "Comment", ...(at.isTop ? ["Next", "Assign"] : [])]);
  refuseUnknown(check, rule, { known, path: at.path });
  validatePayload(check, { value: rule["Assign"], field: "Assign", place: at });
  if (operators.length !== 1) return check.report("Exactly one comparison operator is required", at.path);
  const operator = operators[0] as string;
  const operand = rule[operator] as Json;
  const location = `${at.path}/${operator}`;
  if (operator === "And" || operator === "Or") {
    if (!Array.isArray(operand)) return check.report("Expected value of type Array", location);
    if (operand.length === 0) return check.report("Value cannot be empty", location);
    for (const [i, inner] of operand.entries()) validateInner(check, inner, { ...at, path: `${location}[${i}]` });
    return;
  }
  if (operator === "Not") return validateInner(check, operand, { ...at, path: location });
  const variable = rule["Variable"];
  if (variable === undefined) check.report("The field 'Variable' is required but was missing", at.path);
  else
    checkSyntax(check, { message: "Value is not a valid JSONPath", location: `${at.path}/Variable` }, () =>
      compilePath(variable as string),
    );
  validateOperand(check, { operator, operand, location });
}

function validateInner(check: Check, rule: Json, at: Place): undefined {
  if (!isObject(rule)) return check.report("Expected value of type Object", at.path);
  validateRule(check, rule, { ...at, isTop: false });
}

function validateOperand(
  check: Check,
  { operator, operand, location }: { operator: string; operand: Json; location: string },
): undefined {
  if (operator.endsWith("Path")) {
    return checkSyntax(check, { message: "Value is not a valid JSONPath", location }, () =>
      compilePath(operand as string),
    );
  }
  const isBoolean = operator.startsWith("Is") || operator.startsWith("Boolean");
  const expected = isBoolean ? "boolean" : operator.startsWith("Numeric") ? "number" : "string";
  if (typeof operand !== expected) {
    return check.report(`Expected value of type ${expected[0]?.toUpperCase()}${expected.slice(1)}`, location);
  }
  if (operator.startsWith("Timestamp") && parseTimestamp(operand as string) === undefined) {
    check.report("String does not match RFC3339 timestamp", location);
  }
}

function refuseUnknown(
  check: Check,
  rule: Fields,
  { known, path }: { known: ReadonlySet<string>; path: string },
): undefined {
  for (const name of Object.keys(rule)) {
    if (!known.has(name)) check.report(`Field '${name}' is not supported`, `${path}/${name}`);
  }
}
