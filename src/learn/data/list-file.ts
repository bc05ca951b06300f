import { dataFault } from "./data-fault.ts";

export interface ListEntry {
  label: number;
  /** Relative to the channel's folder, with forward slashes. */
  file: string;
}

/** Lines of a `.lst` file are far fewer than this in any set that fits into memory. */
const maxEntries = 20_000_000;

/** Reads `index<TAB>label<TAB>file` lines; every label must be a class: 0 to classes - 1. */
export function parseListFile(text: string, { name, classes }: { name: string; classes: number }): ListEntry[] {
  const entries: ListEntry[] = [];
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === "") return;
    const where = `line ${index + 1} of ${name}`;
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
    entries.push({ label: Number(label), file });
    if (entries.length > maxEntries) throw dataFault(`${name} has more than ${maxEntries} lines`);
  });
  if (entries.length === 0) throw dataFault(`${name} names no picture`);
  return entries;
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}
