import { dataFault } from "./data-fault.ts";
import { linesOf } from "./lines.ts";

export interface ListEntry {
  label: number;
  /** Relative to the channel's folder, with forward slashes. */
  file: string;
}

/** A label and an index are kept per picture: 80 MB for this many. */
const maxEntries = 20_000_000;

/**
 * Reads `index<TAB>label<TAB>file` lines, one at a time; every label must be a class: 0 to classes - 1. The file may be larger than memory.
 */
export function* listEntries(
  path: string,
  { name, classes }: { name: string; classes: number },
): Generator<ListEntry, void> {
  let count = 0;
  let lineNumber = 0;
  for (const line of linesOf(path)) {
    lineNumber++;
    if (line.trim() === "") continue;
    const where = `line ${lineNumber} of ${name}`;
    const columns = line.split("\t");
    if (columns.length !== 3) {
      throw dataFault(
        `${where} has ${columns.length} columns separated by tabs, not 3 (index, label, file): ${shown(line)}`,
      );
    }
    const [, label, file] = columns.map((column) => column.trim()) as [string, string, string];
    if (!/^\d+(\.0*)?$/.test(label)) throw dataFault(`the label ${shown(label)} in ${where} is not a class number`);
    if (Number(label) >= classes) {
      throw dataFault(
        `the label ${label} in ${where} (${file}) is unknown: with num_classes=${classes} labels are 0 to ${classes - 1}`,
      );
    }
    if (file === "" || file.startsWith("/") || file.includes("\0") || file.split(/[\\/]/).includes("..")) {
      throw dataFault(`${where} names ${shown(file)}, which is not a file inside the channel's folder`);
    }
    if (++count > maxEntries) throw dataFault(`${name} has more than ${maxEntries} lines`);
    yield { label: Number(label), file };
  }
  if (count === 0) throw dataFault(`${name} names no picture`);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}
