import { isDeepStrictEqual } from "node:util";
import type { Json } from "../../kit/json.ts";
import { boundedExec, RegexTooSlow } from "../bounded-regex.ts";
import { runtimeFailure } from "../failure.ts";
import type { Filter, FilterPath, Operand, ParsedPath } from "./parse.ts";

export interface FilterScope {
  item: Json;
  root: Json;
  read: (path: ParsedPath, start: Json) => Json | undefined;
}

/** Whether `item` passes the filter of `[?(...)]`. A missing operand makes an ordering false, never an error. */
export function testFilter(filter: Filter, scope: FilterScope): boolean {
  switch (filter.type) {
    case "and":
      return testFilter(filter.left, scope) && testFilter(filter.right, scope);
    case "or":
      return testFilter(filter.left, scope) || testFilter(filter.right, scope);
    case "not":
      return !testFilter(filter.inner, scope);
    case "exists":
      return exists(filter.path, scope);
    case "compare":
      return compare(filter.operator, operandValue(filter.left, scope), operandValue(filter.right, scope));
    default:
      return filter satisfies never;
  }
}

function exists({ path, isFromRoot }: FilterPath, scope: FilterScope): boolean {
  const value = scope.read(path, isFromRoot ? scope.root : scope.item);
  return path.isDefinite ? value !== undefined : (value as Json[]).length > 0;
}

function operandValue(operand: Operand, scope: FilterScope): unknown {
  if (operand.type !== "path") return operand.value;
  return scope.read(operand.path, operand.isFromRoot ? scope.root : scope.item);
}

function compare(operator: string, left: unknown, right: unknown): boolean {
  switch (operator) {
    case "==":
      return isEqual(left, right);
    case "!=":
      return !isEqual(left, right);
    case "in":
      return Array.isArray(right) && right.some((value) => isEqual(left, value));
    case "nin":
      return !(Array.isArray(right) && right.some((value) => isEqual(left, value)));
    case "=~":
      return right instanceof RegExp && typeof left === "string" && matchesWhole(right, left);
    default:
      return compareOrder(operator, left, right);
  }
}

/** A number equals a numeric text, as Jayway has it. */
function isEqual(left: unknown, right: unknown): boolean {
  if (typeof left === "number" && typeof right === "string") return right.trim() !== "" && left === Number(right);
  if (typeof left === "string" && typeof right === "number") return isEqual(right, left);
  return isDeepStrictEqual(left, right);
}

function compareOrder(operator: string, left: unknown, right: unknown): boolean {
  const order = orderOf(left, right);
  if (order === undefined) return false;
  if (operator === "<") return order < 0;
  if (operator === "<=") return order <= 0;
  return operator === ">" ? order > 0 : order >= 0;
}

function orderOf(left: unknown, right: unknown): number | undefined {
  if (typeof left === "string" && typeof right === "string") return left < right ? -1 : left > right ? 1 : 0;
  const isNumberPair = typeof left === "number" || typeof right === "number";
  if (!isNumberPair || left === undefined || right === undefined || left === null || right === null) return undefined;
  const order = Number(left) - Number(right);
  return Number.isNaN(order) ? undefined : order;
}

/** The expression was compiled to match the whole text. */
function matchesWhole(expression: RegExp, text: string): boolean {
  try {
    return boundedExec(expression, text) !== null;
  } catch (error) {
    if (error instanceof RegexTooSlow) throw runtimeFailure(error.message);
    throw error;
  }
}
