import type { Task } from "../task/task.ts";
import { dataFault } from "./data-fault.ts";
import { linesOf } from "./lines.ts";

export interface ListEntry {
  /** As the task has them. */
  labels: number[];
  /** Relative to the channel's folder, with forward slashes. */
  file: string;
}

/** Labels and an index are kept per picture: 80 MB for this many of one label. */
const maxEntries = 20_000_000;

/**
 * Reads `index<TAB>label<TAB>file` lines, one at a time, with as many labels in the middle as the task has of a picture. The file may be larger
 * than memory.
 */
export function* listEntries(path: string, { name, task }: { name: string; task: Task }): Generator<ListEntry, void> {
  const names = ["index", task.columns === 1 ? "label" : `${task.columns} labels`, "file"].join(", ");
  let count = 0;
  let lineNumber = 0;
  for (const line of linesOf(path)) {
    lineNumber++;
    if (line.trim() === "") continue;
    const where = `line ${lineNumber} of ${name}`;
    const columns = line.split("\t");
    if (columns.length !== task.columns + 2) {
      throw dataFault(
        `${where} has ${columns.length} columns separated by tabs, not ${task.columns + 2} (${names}): ${shown(line)}`,
      );
    }
    const [, ...labels] = columns.map((column) => column.trim());
    const file = labels.pop() as string;
    for (const label of labels) {
      if (!/^\d+(\.0*)?$/.test(label)) throw dataFault(`the label ${shown(label)} in ${where} is not a class number`);
      if (Number(label) > task.most)
        throw dataFault(`the label ${label} in ${where} (${file}) is unknown: ${task.rule}`);
    }
    if (file === "" || file.startsWith("/") || file.includes("\0") || file.split(/[\\/]/).includes("..")) {
      throw dataFault(`${where} names ${shown(file)}, which is not a file inside the channel's folder`);
    }
    if (++count > maxEntries) throw dataFault(`${name} has more than ${maxEntries} lines`);
    yield { labels: labels.map(Number), file };
  }
  if (count === 0) throw dataFault(`${name} names no picture`);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}
