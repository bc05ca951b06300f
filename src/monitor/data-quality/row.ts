/** One value of a column, as it stood in the data. Absent and `undefined` are missing. */
export type Cell = string | number | boolean | undefined;

/** One record as flat columns, in their order. */
export type Row = ReadonlyMap<string, Cell>;

export type CellType = "Integral" | "Fractional" | "String";

export interface TypedCell {
  type: CellType;
  /** Its value, where it is a number. */
  number?: number;
  /** How it is counted as a category. */
  text: string;
}

const integralText = /^[-+]?\d+$/;
const fractionalText = /^[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?$/;

/**
 * What a cell is: text that reads as a number is one, as the analyzer of AWS takes it. `undefined` for what is missing: no
 * value, empty text, and NaN, which is how table libraries write a hole.
 */
export function typedCell(cell: Cell): TypedCell | undefined {
  if (cell === undefined) return undefined;
  if (typeof cell === "boolean") return { type: "String", text: String(cell) };
  if (typeof cell === "number") return Number.isNaN(cell) ? undefined : numberCell(cell, String(cell));
  const text = cell.trim();
  if (text === "" || text === "NaN") return undefined;
  const isIntegral = integralText.test(text);
  // What is too large for a number stays the text that it is.
  const isNumber = (isIntegral || fractionalText.test(text)) && Number.isFinite(Number(text));
  if (!isNumber) return { type: "String", text: cell };
  return { type: isIntegral ? "Integral" : "Fractional", number: Number(text), text };
}

function numberCell(number: number, text: string): TypedCell {
  // An infinity has no place in a mean, so it is kept as a word that stands out.
  if (!Number.isFinite(number)) return { type: "String", text };
  return { type: Number.isInteger(number) ? "Integral" : "Fractional", number, text };
}
