import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CentreCrop } from "../../images/centre-crop.ts";
import type { Task } from "../task/task.ts";
import { readCifarArchive } from "./cifar-archive.ts";
import { dataFault } from "./data-fault.ts";
import { holdOut, type Split } from "./hold-out.ts";
import { filesIn, type Listing, listBatch, listChannel, relabel } from "./list-channel.ts";
import { mostAlike, nearDuplicates } from "./near-duplicates.ts";
import { labelsOf, type PictureSet, withPictures } from "./picture-set.ts";
import { type ReadPictures, readPictures, type SkippedFile } from "./read-pictures.ts";
import { repeatedPictures } from "./repeated-pictures.ts";
import { mostNamed, shortList } from "./short-list.ts";

// From a job's input channels to decoded pictures in files. A channel is one of: pictures with a `.lst` file (in the channel
// `<name>_lst` or beside them), one folder per class, RecordIO files, or a CIFAR archive. Pictures are listed, decoded and written one
// by one, so that a channel may be larger than memory; all labels are checked before the first picture is decoded.

export interface Data {
  /** What the pictures' labels are, and what is learnt of them. */
  task: Task;
  /** Names of the classes in the order of the labels. */
  labels: string[];
  train: PictureSet;
  /** Of `train`: what is trained on, and what is kept away from it, to measure and calibrate on. */
  split: Split;
  /** How much of each picture is seen; absent: all of it. */
  crop?: CentreCrop;
  /** Only ever measured on: nothing is chosen by it. */
  validation?: PictureSet;
  /** Files that could not be read, with the reason. */
  skipped: SkippedFile[];
  /** Pictures of the validation channel that are, but for noise, pictures of the training channel; the first 10,000. */
  nearDuplicates: AlikePictures[];
  /** Of the held-out pictures those that are like ones that are trained on, likewise. */
  heldOutDuplicates: AlikePictures[];
}

export interface AlikePictures {
  train: string;
  /** Of what is measured on. */
  measured: string;
  /** Root of the mean squared difference, on the scale of 0 to 255. */
  distance: number;
}

export interface DataOptions {
  /** Folder that holds one folder per channel. */
  channels: string;
  /** Folder that the decoded pictures are written to. */
  pictures: string;
  task: Task;
  height: number;
  width: number;
  /** Absent: pictures are seen whole. */
  crop?: CentreCrop;
  /** Which part of the training pictures is kept away from training. */
  holdOut: { share: number; seed: number };
  /** That decode; absent: one. */
  threads?: number;
  /** Ends the reading. */
  signal?: AbortSignal;
  log?: (line: string) => void;
}

export async function readData(options: DataOptions): Promise<Data> {
  const train = join(options.channels, "train");
  if (!existsSync(train)) throw dataFault(`there is no channel "train" in ${options.channels}`);
  const archive = archiveIn(train);
  if (archive !== undefined) {
    options.log?.(
      "The training channel holds a CIFAR archive: its test part takes the place of the validation channel.",
    );
    const { labels, ...parts } = await readCifarArchive(archive);
    const how = { classNames: labels, task: options.task };
    return readChannels((channel) => listBatch(channel === "train" ? parts.train : parts.test, how), options);
  }
  const open: Listing[] = [];
  const listed = (channel: string) => {
    if (!existsSync(join(options.channels, channel))) return undefined;
    open.push(listChannel(channel, options));
    return open.at(-1);
  };
  try {
    return await readChannels(listed, options);
  } finally {
    for (const { close } of open) close?.();
  }
}

/** `listed` finds nothing where there is no such channel. */
async function readChannels(listed: (channel: string) => Listing | undefined, options: DataOptions): Promise<Data> {
  const seen = { task: options.task, ...(options.crop && { crop: options.crop }) };
  const { task } = options;
  const listing = listed("train")!;
  const labels = listing.labels ?? labelNames(options) ?? Array.from({ length: task.classes }, (_, i) => String(i));
  if (labels.length !== task.classes) {
    throw dataFault(
      `num_classes=${task.classes}, but the training data name ${labels.length} classes: ${shortList(labels)}`,
    );
  }
  const train = await readPictures(listing, { ...options, channel: "train" });
  refuseEmptyClasses(train.set, labels, task);
  const firstOf = repeatsIn(train, labels, options);
  const split = holdOut(task.strataOf(train.set.labels), { ...options.holdOut, firstOf });
  const heldOutDuplicates = alike(amongOnly(train, split.train), amongOnly(train, split.heldOut));
  if (heldOutDuplicates.length > 0) {
    options.log?.(
      `Warning: ${said(heldOutDuplicates)} pairs of a held-out picture and one that is trained on are alike, so that the held-out accuracy, and what it guarantees, is too good: ${named(heldOutDuplicates)}`,
    );
  }
  const data = { ...seen, labels, train: train.set, split, skipped: train.skipped, heldOutDuplicates };
  const held = listed("validation");
  if (held === undefined) return { ...data, nearDuplicates: [] };
  const relabelled = held.labels === undefined ? held : relabel(held, labels);
  const validation = await readPictures(relabelled, { ...options, channel: "validation" });
  const skipped = [...train.skipped, ...validation.skipped];
  const inBoth = alike(train, validation);
  if (inBoth.length > 0) {
    options.log?.(
      `Warning: ${said(inBoth)} pairs of pictures stand in both channels, so that the validation accuracy is too good: ${named(inBoth)}`,
    );
  }
  return { ...data, validation: validation.set, skipped, nearDuplicates: inBoth };
}

/** By names; the first ones of very many. */
function alike(train: ReadPictures, measured: ReadPictures): AlikePictures[] {
  const pairs = nearDuplicates(train.hashed, measured.hashed);
  const trainNames = train.namesOf(pairs.map(({ first }) => first));
  const measuredNames = measured.namesOf(pairs.map(({ second }) => second));
  return pairs.map(({ first, second, distance }) => ({
    train: trainNames.get(first)!,
    measured: measuredNames.get(second)!,
    distance,
  }));
}

function amongOnly(pictures: ReadPictures, indices: Uint32Array): ReadPictures {
  return { ...pictures, hashed: { ...pictures.hashed, indices } };
}

function said({ length }: readonly AlikePictures[]): string {
  return length < mostAlike ? String(length) : `${length} or more`;
}

function named(pairs: readonly AlikePictures[]): string {
  return shortList(pairs.map(({ measured, train }) => `${measured} is like ${train}`));
}

/** `label_categories.json`, as some preparations of the data write it: {"key_mapping": {"0": "bicycle", ...}}. */
function labelNames({ channels, task: { classes } }: DataOptions): string[] | undefined {
  for (const channel of ["train", "train_lst"]) {
    const path = join(channels, channel, "label_categories.json");
    if (!existsSync(path)) continue;
    try {
      const mapping = (JSON.parse(readFileSync(path, "utf8")) as { key_mapping?: Record<string, unknown> }).key_mapping;
      const names = Array.from({ length: classes }, (_, i) => mapping?.[String(i)]);
      if (names.every((name) => typeof name === "string")) return names;
    } catch (error) {
      throw dataFault(`${path} is no JSON: ${(error as Error).message}`, error);
    }
    throw dataFault(
      `num_classes=${classes}, but ${path} does not name every class from 0 to ${classes - 1} in "key_mapping"`,
    );
  }
  return undefined;
}

function refuseEmptyClasses(set: PictureSet, labels: readonly string[], task: Task): void {
  const sizes = task.sizesOf(set.labels);
  const missing = labels.filter((_, label) => sizes[label] === 0);
  if (missing.length > 0) {
    throw dataFault(
      `num_classes=${labels.length}, but no training picture belongs to ${shortList(missing.map((name) => `"${name}"`))}`,
    );
  }
}

/** Says which pictures stand in the training channel twice, and answers of each the earliest one that is the same. */
function repeatsIn({ set, namesOf }: ReadPictures, labels: readonly string[], { task, log }: DataOptions): Uint32Array {
  const { count, firstOf, contradictions, contradictionCount } = withPictures(set, (pictures) =>
    repeatedPictures(pictures, set),
  );
  if (count > 0) {
    log?.(
      `Warning: ${count} training pictures are, byte for byte, others of them; none is held out of which another copy is trained on.`,
    );
  }
  if (contradictionCount === 0) return firstOf;
  const shown = contradictions.slice(0, mostNamed);
  const names = namesOf(shown.flatMap(({ first, again }) => [first, again]));
  const described = shown.map(({ first, again }) => {
    const [one, other] = [first, again].map(
      (index) => `${names.get(index)} (${task.nameOf(labelsOf(set, [index]), labels)})`,
    );
    return `${other} is ${one}`;
  });
  log?.(`Warning: ${contradictionCount} of them have another class: ${shortList(described, contradictionCount)}`);
  return firstOf;
}

function archiveIn(folder: string): string | undefined {
  const name = filesIn(folder).find((file) => /\.(tar\.gz|tgz)$/.test(file));
  return name === undefined ? undefined : join(folder, name);
}
