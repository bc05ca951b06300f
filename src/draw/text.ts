/*
 * Pictures made of letters, for terminals and logs. Nothing here writes colours: who owns the terminal adds them.
 * Every function answers lines of known width; `isAscii` keeps to seven bits for terminals that know no more.
 */
export interface TextLook {
  isAscii?: boolean;
}

const bars = "▁▂▃▄▅▆▇█";
const asciiBars = "_.-=+*#@";

/** One character per value, between the lowest and the highest. Values that are no numbers leave a gap. */
export function sparkline(
  values: readonly number[],
  { isAscii = false, width }: TextLook & { width?: number } = {},
): string {
  const shown = width !== undefined && values.length > width ? condensed(values, width) : values;
  const finite = shown.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const steps = isAscii ? asciiBars : bars;
  return shown
    .map((value) => {
      if (!Number.isFinite(value)) return " ";
      return steps[high === low ? 3 : Math.round(((value - low) / (high - low)) * (steps.length - 1))];
    })
    .join("");
}

export interface TextSeries {
  name: string;
  points: readonly (readonly [x: number, y: number])[];
  /** Joined by a line; otherwise every point stands alone. */
  isLine?: boolean;
}

export interface TextPlot extends TextLook {
  /** Of the whole plot with its axis, in characters. */
  width?: number;
  /** Of the plane, in lines. */
  height?: number;
  yLabel?: string;
  xLabel?: string;
  /** A line across, such as a threshold. */
  level?: { value: number; name: string };
  formatY?: (value: number) => string;
  formatX?: (value: number) => string;
}

const marks = "●○▲△■□◆◇";
const asciiMarks = "*o+x#%@&";

/** Curves or clouds of points with axes; every series has its own mark, named in the last line. */
export function plot(series: readonly TextSeries[], look: TextPlot = {}): string[] {
  const { width = 72, height = 14, isAscii = false, level } = look;
  const formatY = look.formatY ?? ((value) => Number(value.toPrecision(3)).toString());
  const formatX = look.formatX ?? ((value) => Number(value.toPrecision(6)).toString());
  const points = series.flatMap((one) => one.points).filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (points.length === 0) return ["(nothing to plot yet)"];
  const [x0, x1] = span(points.map(([x]) => x));
  const [y0, y1] = span([...points.map(([, y]) => y), ...(level ? [level.value] : [])]);
  const ticks = tickRows(height).map((row) => ({ row, text: formatY(y1 - ((y1 - y0) * row) / (height - 1)) }));
  const gutter = Math.max(...ticks.map(({ text }) => text.length));
  const columns = Math.max(8, width - gutter - 2);
  const grid = Array.from({ length: height }, () => new Array<string>(columns).fill(" "));
  const columnOf = (x: number) => Math.round(((x - x0) / (x1 - x0)) * (columns - 1));
  const rowOf = (y: number) => Math.round(((y1 - y) / (y1 - y0)) * (height - 1));
  const put = (row: number, column: number, mark: string) => {
    const line = grid[row];
    if (line && column >= 0 && column < columns) line[column] = mark;
  };
  if (level) for (let column = 0; column < columns; column++) put(rowOf(level.value), column, isAscii ? "-" : "┄");
  series.forEach((one, i) => {
    const mark = (isAscii ? asciiMarks : marks)[i % marks.length] as string;
    const known = one.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
    if (one.isLine)
      for (const [column, row] of between(known.map(([x, y]) => [columnOf(x), rowOf(y)])))
        put(row, column, isAscii ? "." : "·");
    for (const [x, y] of known) put(rowOf(y), columnOf(x), mark);
  });
  const axis = isAscii ? ["+", "|", "-"] : ["┤", "│", "─"];
  const lines = grid.map((cells, row) => {
    const tick = ticks.find((one) => one.row === row);
    return `${(tick?.text ?? "").padStart(gutter)} ${tick ? axis[0] : axis[1]}${cells.join("").trimEnd()}`;
  });
  const [from, to] = [formatX(x0), formatX(x1)];
  const middle = (look.xLabel ?? "").slice(0, Math.max(0, columns - from.length - to.length - 2));
  const left = Math.max(0, Math.floor((columns - middle.length) / 2) - from.length);
  const scale = `${from}${" ".repeat(left)}${middle}`;
  return [
    ...(look.yLabel === undefined ? [] : [look.yLabel]),
    ...lines,
    `${" ".repeat(gutter)} ${isAscii ? "+" : "└"}${(axis[2] as string).repeat(columns)}`,
    `${" ".repeat(gutter + 2)}${scale}${" ".repeat(Math.max(1, columns - scale.length - to.length))}${to}`,
    `${" ".repeat(gutter + 2)}${[...series.map((one, i) => `${(isAscii ? asciiMarks : marks)[i % marks.length]} ${one.name}`), ...(level ? [`${isAscii ? "--" : "┄┄"} ${level.name} ${level.value}`] : [])].join("   ")}`,
  ];
}

export interface TextBar {
  label: string;
  count: number;
  /** After the count, such as `below threshold`. */
  note?: string;
}

/** One line per bar: label, bar in eighths of a character, count. */
export function barLines(
  rows: readonly TextBar[],
  { width = 40, isAscii = false }: TextLook & { width?: number } = {},
): string[] {
  const most = Math.max(1, ...rows.map((row) => row.count));
  const labelWidth = Math.max(0, ...rows.map((row) => [...row.label].length));
  return rows.map(({ label, count, note }) => {
    const eighths = Math.round((count / most) * width * 8);
    const bar = isAscii
      ? "#".repeat(Math.ceil(eighths / 8))
      : "█".repeat(Math.floor(eighths / 8)) +
        (eighths % 8 === 0 ? "" : (["▏", "▎", "▍", "▌", "▋", "▊", "▉"][(eighths % 8) - 1] as string));
    // A bar that is there must be seen, however small its share.
    const seen = bar === "" && count > 0 ? (isAscii ? "#" : "▏") : bar;
    return `${padded(label, labelWidth, "left")}  ${seen}${seen === "" ? "" : " "}${count}${note ? `  ${note}` : ""}`;
  });
}

export interface TextColumn {
  title: string;
  align?: "left" | "right";
}

/** Columns as wide as their widest cell, two spaces apart, a line below the titles, no spaces at the ends. */
export function table(
  columns: readonly TextColumn[],
  rows: readonly (readonly string[])[],
  { isAscii = false }: TextLook = {},
): string[] {
  const widths = columns.map((column, i) =>
    Math.max([...column.title].length, ...rows.map((row) => [...(row[i] ?? "")].length)),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map((column, i) => padded(cells[i] ?? "", widths[i] as number, column.align ?? "left"))
      .join("  ")
      .trimEnd();
  return [
    line(columns.map((column) => column.title)),
    widths.map((width) => (isAscii ? "-" : "─").repeat(width)).join("  "),
    ...rows.map(line),
  ];
}

function padded(text: string, width: number, align: "left" | "right"): string {
  const space = " ".repeat(Math.max(0, width - [...text].length));
  return align === "left" ? text + space : space + text;
}

function span(values: readonly number[]): [number, number] {
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  return low === high ? [low - Math.abs(low || 1) * 0.05, high + Math.abs(high || 1) * 0.05] : [low, high];
}

function tickRows(height: number): number[] {
  const gaps = Math.max(1, Math.floor((height - 1) / 3));
  return [...new Set(Array.from({ length: gaps + 1 }, (_, i) => Math.round((i * (height - 1)) / gaps)))];
}

/** Every cell on the way from point to point. */
function between(points: readonly [number, number][]): [number, number][] {
  return points.slice(1).flatMap(([x1, y1], i) => {
    const [x0, y0] = points[i] as [number, number];
    const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
    return Array.from({ length: steps }, (_, step): [number, number] => [
      Math.round(x0 + ((x1 - x0) * step) / steps),
      Math.round(y0 + ((y1 - y0) * step) / steps),
    ]);
  });
}

function condensed(values: readonly number[], width: number): number[] {
  return Array.from({ length: width }, (_, i) => {
    const part = values.slice(
      Math.floor((i * values.length) / width),
      Math.max(Math.floor(((i + 1) * values.length) / width), Math.floor((i * values.length) / width) + 1),
    );
    const finite = part.filter(Number.isFinite);
    return finite.length === 0 ? Number.NaN : finite.reduce((sum, value) => sum + value, 0) / finite.length;
  });
}
