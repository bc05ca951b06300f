import { Fault } from "../../kit/fault.ts";

export type LineFilter = (message: string) => boolean;

export function invalidPattern(text: string, reason: string): Fault {
  return new Fault("InvalidParameterException", `Invalid filter pattern '${text.slice(0, 100)}': ${reason}`);
}

/** What stands right of a selector or a column: `= "text*"`, `>= 400`. */
export interface Comparison {
  operator: "=" | "!=" | "<" | "<=" | ">" | ">=";
  /** Without its quotes. */
  operand: string;
}

/** Text is compared with `*` for anything, numbers by their value; less and more are for numbers alone. */
export function compare({ operator, operand }: Comparison, value: string | number): boolean {
  switch (operator) {
    case "=":
      return isEqual(operand, value);
    case "!=":
      return !isEqual(operand, value);
    default: {
      const [left, right] = [Number(value), Number(operand)];
      if (value === "" || Number.isNaN(left) || Number.isNaN(right)) return false;
      if (operator === "<") return left < right;
      if (operator === "<=") return left <= right;
      return operator === ">" ? left > right : left >= right;
    }
  }
}

function isEqual(operand: string, value: string | number): boolean {
  if (typeof value === "number") return operand !== "" && Number(operand) === value;
  if (!operand.includes("*")) return operand === value;
  // Piece by piece, so that no pattern can be slow.
  const pieces = operand.split("*");
  const [first = ""] = pieces;
  const last = pieces.at(-1) ?? "";
  if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false;
  const end = value.length - last.length;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = value.indexOf(piece, at);
    if (found === -1 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
