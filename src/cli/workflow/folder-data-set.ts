import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, extname, join, sep } from "node:path";
import { bounds } from "../../config.ts";
import { type DataSet, DataSetError, type Picture } from "./data-set.ts";

const pictureExtensions = new Set([".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"]);
/** Of each class, one picture in this many is held out when the folder does not say which. */
const heldOutShare = 5;

/**
 * Reads a folder of pictures in any of three layouts: `train.lst` and `test.lst` beside `train/` and `test/`;
 * `train/CLASS/` and `test/CLASS/`; or `CLASS/` alone, of which every fifth picture (by a hash of its name) is held out.
 */
export function folderDataSet(folder: string): DataSet {
  if (!existsSync(folder)) throw new DataSetError(`there is no folder ${folder}`);
  if (!statSync(folder).isDirectory()) throw new DataSetError(`${folder} is not a folder of images`);
  if (existsSync(join(folder, "train.lst"))) return listedFolder(folder);
  if (existsSync(join(folder, "train")) && existsSync(join(folder, "test"))) return splitFolder(folder);
  return classFolder(folder);
}

function listedFolder(folder: string): DataSet {
  const train = readList(folder, "train");
  const testList = join(folder, "test.lst");
  if (!existsSync(testList)) throw new DataSetError(`${folder} has a train.lst but no test.lst`);
  const pictures = [...train, ...readList(folder, "test")];
  const count = Math.max(...pictures.map((picture) => picture.label)) + 1;
  return dataSet(folder, classNames(folder, count), pictures);
}

// A line of a .lst file: row, label and path, separated by tabs.
function readList(folder: string, split: Picture["split"]): Picture[] {
  const lines = readFileSync(join(folder, `${split}.lst`), "utf8").split(/\r?\n/);
  return lines.flatMap((line, i) => {
    if (line.trim() === "") return [];
    const [row, label, path] = line.split("\t");
    const labelNumber = Number(label);
    if (path === undefined || !Number.isInteger(labelNumber) || labelNumber < 0 || label === "") {
      throw new DataSetError(
        `${split}.lst line ${i + 1} is not "row<TAB>label<TAB>file": ${JSON.stringify(line.slice(0, 80))}`,
      );
    }
    const file = join(folder, split, path);
    if (!existsSync(file))
      throw new DataSetError(`${split}.lst line ${i + 1} names ${path}, which is not in ${join(folder, split)}`);
    return [{ split, row: Number(row), label: labelNumber, name: path, bytes: () => readPicture(file) }];
  });
}

/** Names from `label_categories.json` or `manifest.json` beside the lists; else the labels themselves. */
function classNames(folder: string, count: number): string[] {
  const byLabel = new Map<number, string>();
  const categories = join(folder, "label_categories.json");
  const manifest = join(folder, "manifest.json");
  if (existsSync(categories)) {
    const parsed = parseJson(categories) as { key_mapping?: Record<string, string> };
    for (const [label, name] of Object.entries(parsed.key_mapping ?? {})) byLabel.set(Number(label), name);
  } else if (existsSync(manifest)) {
    const parsed = parseJson(manifest) as { classes?: { label?: number; name?: string }[] };
    if (Array.isArray(parsed.classes)) {
      for (const entry of parsed.classes)
        if (entry.label !== undefined && entry.name) byLabel.set(entry.label, entry.name);
    }
  }
  return Array.from({ length: count }, (_, label) => byLabel.get(label) ?? `class-${label}`);
}

function parseJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new DataSetError(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

function splitFolder(folder: string): DataSet {
  const classes = classFoldersOf(join(folder, "train"));
  const unknown = classFoldersOf(join(folder, "test")).filter((name) => !classes.includes(name));
  if (unknown.length > 0) throw new DataSetError(`test/ has classes that train/ has not: ${unknown.join(", ")}`);
  const pictures = (["train", "test"] as const).flatMap((split) =>
    classes.flatMap((className, label) =>
      filesBelow(join(folder, split, className)).map((file, row) =>
        picture({ split, row, label, folder: join(folder, split), file: `${className}/${file}` }),
      ),
    ),
  );
  return dataSet(folder, classes, pictures);
}

function classFolder(folder: string): DataSet {
  const classes = classFoldersOf(folder);
  const pictures = classes.flatMap((className, label) => {
    const files = filesBelow(join(folder, className)).sort(
      (left, right) => nameHash(left) - nameHash(right) || (left < right ? -1 : 1),
    );
    const heldOut = Math.floor(files.length / heldOutShare);
    return files.map((file, row) =>
      picture({ split: row < heldOut ? "test" : "train", row, label, folder, file: `${className}/${file}` }),
    );
  });
  return dataSet(folder, classes, pictures);
}

function picture(given: {
  split: Picture["split"];
  row: number;
  label: number;
  folder: string;
  /** Below the folder. */
  file: string;
}): Picture {
  const { split, row, label, folder, file } = given;
  return { split, row, label, name: file, bytes: () => readPicture(join(folder, file)) };
}

function dataSet(folder: string, classes: string[], pictures: Picture[]): DataSet {
  if (pictures.length > bounds.stagedImages)
    throw new DataSetError(`${folder} has ${pictures.length} pictures; at most ${bounds.stagedImages} can be staged`);
  if (classes.length < 2)
    throw new DataSetError(`${folder} holds ${classes.length} class(es); a classifier needs at least two`);
  for (const split of ["train", "test"] as const) {
    classes.forEach((className, label) => {
      if (!pictures.some((candidate) => candidate.split === split && candidate.label === label)) {
        throw new DataSetError(`${folder} has no ${split} picture of class "${className}" (label ${label})`);
      }
    });
  }
  return { description: folder, classes, total: pictures.length, pictures };
}

function classFoldersOf(folder: string): string[] {
  const found = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => entry.name)
    .filter((name) => filesBelow(join(folder, name)).length > 0)
    .sort();
  if (found.length === 0)
    throw new DataSetError(`${folder} has neither a train.lst nor a folder of pictures per class`);
  return found;
}

/** Pictures at any depth below a folder, hidden places left out. */
function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => name.split(sep).join("/"))
    .filter((name) => pictureExtensions.has(extname(name).toLowerCase()))
    .filter((name) => !name.split("/").some((part) => part.startsWith(".")))
    .sort();
}

async function readPicture(file: string): Promise<Uint8Array> {
  const { size } = statSync(file);
  if (size > bounds.imageBytes)
    throw new DataSetError(`${file} has ${size} bytes; a picture may have ${bounds.imageBytes}`);
  return readFile(file);
}

// FNV-1a of the file's own name: which pictures are held out depends on neither the folder's place nor its order.
function nameHash(file: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(basename(file))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
