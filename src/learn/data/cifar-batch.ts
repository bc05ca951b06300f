import type { Image } from "../../images/image.ts";
import { dataFault } from "./data-fault.ts";
import { type NumberArray, type Pickled, type PickledMap, PickleError, readPickle } from "./pickle.ts";

// What a member of a CIFAR archive holds: pictures, pickled by Python or as plain records, and names of classes.

export interface CifarBatch {
  labels: number[];
  /** Of the pictures, as the archive names them; where it does not, the member's name and a number. */
  names: string[];
  /** Of each picture 1,024 red bytes, then as many green and blue ones, row by row. */
  planes: Uint8Array[];
}

const cifarSide = 32;
const pictureBytes = 3 * cifarSide * cifarSide;

/** A dictionary with an array of pictures, their labels and, if it has them, their names. */
export function pythonBatch(bytes: Uint8Array, { name, labelKey }: { name: string; labelKey: string }): CifarBatch {
  const batch = dictionaryOf(bytes, name);
  const data = batch.get("data") as NumberArray | undefined;
  const labels = batch.get(labelKey);
  if (data?.kind !== "array" || data.type !== "u1" || data.shape[1] !== pictureBytes || !Array.isArray(labels)) {
    throw new PickleError(`the member "${name}" lacks its pictures or "${labelKey}"`);
  }
  const count = data.shape[0]!;
  if (data.data.length !== count * pictureBytes || labels.length !== count) {
    throw new PickleError(
      `the member "${name}" announces ${count} pictures, but holds ${data.data.length} bytes and ${labels.length} labels`,
    );
  }
  const names = batch.get("filenames");
  return {
    labels: labels.map(Number),
    names: names === undefined ? numbered(name, count) : namesOf(names),
    planes: labels.map((_, i) => data.data.subarray(i * pictureBytes, (i + 1) * pictureBytes)),
  };
}

export function pythonNames(bytes: Uint8Array, { name, key }: { name: string; key: string }): string[] {
  return namesOf(dictionaryOf(bytes, name).get(key));
}

/** Records of labels, of which the last one counts (CIFAR-100 has the coarse one before it), and a picture. */
export function binaryBatch(bytes: Uint8Array, { name, labelBytes }: { name: string; labelBytes: 1 | 2 }): CifarBatch {
  const recordBytes = labelBytes + pictureBytes;
  if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
    throw dataFault(
      `the member "${name}.bin" has ${bytes.length} bytes, which are no records of ${recordBytes}: the archive is damaged`,
    );
  }
  const starts = Array.from({ length: bytes.length / recordBytes }, (_, i) => i * recordBytes);
  return {
    labels: starts.map((start) => bytes[start + labelBytes - 1]!),
    names: numbered(name, starts.length),
    planes: starts.map((start) => bytes.subarray(start + labelBytes, start + recordBytes)),
  };
}

/** One of its pictures. */
export function cifarPicture({ planes }: CifarBatch, index: number): Image {
  const area = cifarSide * cifarSide;
  const from = planes[index] as Uint8Array;
  const data = new Uint8Array(3 * area);
  for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) data[3 * i + c] = from[c * area + i]!;
  return { width: cifarSide, height: cifarSide, data };
}

/** The lines of a text that are not empty. */
export function linesIn(text: Uint8Array): string[] {
  return Buffer.from(text)
    .toString("utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name}-${i}.png`);
}

function dictionaryOf(bytes: Uint8Array, name: string): PickledMap {
  const value = readPickle(bytes);
  if (!(value instanceof Map)) throw new PickleError(`the member "${name}" holds no dictionary`);
  return value;
}

function namesOf(value: Pickled | undefined): string[] {
  if (!Array.isArray(value)) throw new PickleError("a list of names is missing");
  return value.map((one) => (one instanceof Uint8Array ? Buffer.from(one).toString("utf8") : String(one)));
}
