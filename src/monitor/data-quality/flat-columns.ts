import type { Cell, Row } from "./row.ts";

/** A value with the name it brought along; without one its position names it. */
export type NamedCell = readonly [name: string | undefined, cell: Cell];

/** Deeper than any sensible record; a bound on recursion into what somebody sent. */
const deepest = 32;

/**
 * JSON as flat columns: members as `a.b`, items of a list as `a_0`; a list at the top has no names. Throws `RangeError` for what
 * is nested too deeply.
 */
export function flatCells(value: unknown): NamedCell[] {
  if (Array.isArray(value))
    return value.flatMap((item, i) =>
      isScalar(item) ? [[undefined, cellOf(item)] as const] : flat(String(i), item, 1),
    );
  if (!isScalar(value)) return Object.entries(value as object).flatMap(([name, member]) => flat(name, member, 1));
  return [[undefined, cellOf(value)]];
}

function flat(name: string, value: unknown, depth: number): NamedCell[] {
  if (depth > deepest) throw new RangeError(`the JSON is nested more than ${deepest} levels deep`);
  if (Array.isArray(value)) return value.flatMap((item, i) => flat(`${name}_${i}`, item, depth + 1));
  if (isScalar(value)) return [[name, cellOf(value)]];
  return Object.entries(value as object).flatMap(([member, one]) => flat(`${name}.${member}`, one, depth + 1));
}

function isScalar(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}

function cellOf(value: unknown): Cell {
  return value === null || value === undefined ? undefined : (value as string | number | boolean);
}

/** Names the unnamed cells by their position among each other: as given, and from there on `_c0`, `_c1`… */
export function rowOf(cells: readonly NamedCell[], columnNames: readonly string[] = []): Row {
  const row = new Map<string, Cell>();
  let position = 0;
  for (const [name, cell] of cells) row.set(name ?? columnName(position++, columnNames), cell);
  return row;
}

export function columnName(position: number, columnNames: readonly string[]): string {
  return columnNames[position] ?? `_c${position}`;
}
