import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { defaultMaxBytes, ImageError } from "../../images/image.ts";
import { encodePpm } from "../../images/ppm.ts";
import type { Task } from "../task/task.ts";
import { type CifarBatch, cifarPicture } from "./cifar-batch.ts";
import { dataFault } from "./data-fault.ts";
import { listEntries } from "./list-file.ts";
import { openRecordFile, type RecordFile } from "./record-file.ts";
import { mostNamed, shortList } from "./short-list.ts";

// What a channel holds, entry by entry: nobody needs the names of all pictures at once.

export interface Item {
  /** Path from the channel's folder, for messages. */
  name: string;
  /** As the task has them. */
  labels: readonly number[];
  read(): Uint8Array;
}

export interface Listing {
  count: number;
  /** The same each time it is called. */
  items(): Iterable<Item>;
  /** Where the data themselves name the classes. */
  labels?: string[];
  /** Closes what the items are read from. */
  close?(): void;
}

/** Finds out what kind of channel it is, and checks its labels. */
export function listChannel(
  channel: string,
  options: { channels: string; task: Task; log?: (line: string) => void },
): Listing {
  const folder = join(options.channels, channel);
  // The channel made for the list counts; one beside the pictures only where there is none.
  const listFiles =
    [join(options.channels, `${channel}_lst`), folder]
      .map((place) =>
        filesIn(place)
          .filter((name) => name.endsWith(".lst"))
          .map((name) => join(place, name)),
      )
      .find((files) => files.length > 0) ?? [];
  if (listFiles.length > 1) {
    const names = listFiles.map((file) => basename(file));
    throw dataFault(
      `channel "${channel}" has ${listFiles.length} .lst files (${shortList(names)}): which one counts is unclear`,
    );
  }
  const [list] = listFiles;
  if (list !== undefined) {
    options.log?.(`Searching for .lst files in ${join(options.channels, `${channel}_lst`)}.`);
    return listing(function* () {
      for (const { file, labels } of listEntries(list, { name: basename(list), task: options.task })) {
        yield fileItem({ name: file, labels, path: join(folder, file) });
      }
    });
  }
  const records = filesIn(folder).filter((name) => name.endsWith(".rec"));
  if (records.length > 0) return listRecords(folder, records, options);
  const classFolders = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => entry.name)
    .sort();
  if (classFolders.length === 0) {
    throw dataFault(
      `channel "${channel}" has neither a .lst file nor one folder per class: give pictures with a .lst file, one folder of pictures per class, or RecordIO files (.rec)`,
    );
  }
  const { classes, columns } = options.task;
  if (columns !== 1) {
    throw dataFault(
      `channel "${channel}" has one folder per class, which gives each picture one class: ${options.task.rule}, in a .lst file or in RecordIO files (.rec)`,
    );
  }
  if (classFolders.length > classes || (channel === "train" && classFolders.length !== classes)) {
    throw dataFault(
      `num_classes=${classes}, but channel "${channel}" has ${classFolders.length} class ${classFolders.length === 1 ? "folder" : "folders"}: ${shortList(classFolders)}`,
    );
  }
  const others: string[] = [];
  const listed = listing(function* () {
    others.length = 0;
    for (const [label, name] of classFolders.entries()) {
      for (const file of filesBelow(folder, name)) {
        if (pictureNames.test(file)) yield fileItem({ name: file, labels: [label], path: join(folder, file) });
        else if (others.length <= mostNamed) others.push(file);
      }
    }
  });
  if (listed.count === 0) throw dataFault(`channel "${channel}" holds no picture`);
  if (others.length > 0) {
    const named = others.length > mostNamed ? `${others.slice(0, mostNamed).join(", ")} and more` : others.join(", ");
    options.log?.(
      `Warning: files of channel "${channel}" that are no pictures by their names are passed over: ${named}`,
    );
  }
  return { ...listed, labels: classFolders };
}

/** Counts, and thereby checks, what is listed. */
function listing(items: () => Iterable<Item>): Listing {
  let count = 0;
  for (const _ of items()) count++;
  return { count, items };
}

function listRecords(folder: string, names: readonly string[], { task }: { task: Task }): Listing {
  const files: RecordFile[] = [];
  const close = () => {
    for (const file of files.splice(0)) file.close();
  };
  try {
    for (const name of names) files.push(openRecordFile(join(folder, name), { name, task }));
  } catch (error) {
    close();
    throw error;
  }
  return {
    count: files.reduce((sum, { count }) => sum + count, 0),
    *items() {
      for (const file of files) yield* file.entries();
    },
    close,
  };
}

/** A part of a CIFAR archive, which names its classes. */
export function listBatch(batch: CifarBatch, { classNames, task }: { classNames: string[]; task: Task }): Listing {
  if (task.columns !== 1) throw dataFault(`the archive gives each picture one class: ${task.rule}`);
  return {
    count: batch.labels.length,
    labels: classNames,
    *items() {
      for (const [index, label] of batch.labels.entries()) {
        yield { name: batch.names[index]!, labels: [label], read: () => encodePpm(cifarPicture(batch, index)) };
      }
    },
  };
}

function fileItem({ path, ...item }: { name: string; labels: readonly number[]; path: string }): Item {
  const read = () => {
    const { size } = statSync(path);
    if (size > defaultMaxBytes)
      throw new ImageError("tooLarge", `the file has ${size} bytes; at most ${defaultMaxBytes} are read`);
    return readFileSync(path);
  };
  return { ...item, read };
}

/** Labels as training has them. */
export function relabel(given: Listing, labels: readonly string[]): Listing {
  const own = given.labels!.map((name) => {
    const label = labels.indexOf(name);
    if (label < 0)
      throw dataFault(`the class "${name}" of channel "validation" is unknown: training has ${shortList(labels)}`);
    return label;
  });
  return {
    ...given,
    *items() {
      for (const item of given.items()) yield { ...item, labels: item.labels.map((label) => own[label]!) };
    },
  };
}

/** Files of a class may be without an ending, but not with one that is no picture's. */
const pictureNames = /(^|\/)[^/.]+$|\.(png|jpe?g|webp|bmp|gif)$/i;

/** Paths of the files in a folder and the folders in it, sorted folder by folder, without hidden ones. */
function* filesBelow(root: string, folder: string): Generator<string, void> {
  const entries = readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => !name.startsWith("."))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(root, path);
    else yield path;
  }
}

/** Names of the files in a folder, sorted; none where there is no folder. */
export function filesIn(folder: string): string[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
