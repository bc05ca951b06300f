import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Task } from "../task/task.ts";
import { dataFault } from "./data-fault.ts";

/*
 * RecordIO files of pictures, as `im2rec` writes them and the built-in algorithm reads them: MXNet's framing (dmlc-core, recordio.h) around
 * an image record header and the bytes of a JPEG or PNG file. The headers are read once to check them all, and again with the pictures, one
 * record at a time: a file may be larger than memory.
 *
 * A frame: uint32 magic, uint32 of which the upper 3 bits say which part of a record this is and the lower 29 how long, the bytes, padding to
 * 4. A record whose bytes contain the magic on a multiple of 4 is cut there, and the magic left out between the parts.
 * An image record header: uint32 count of labels that follow, float32 label, uint64 id, uint64 second id; then those labels as float32, which
 * stand for the one in the header. All numbers are little-endian.
 */

export interface RecordEntry {
  /** As the task has them. */
  labels: number[];
  /** For messages: the id that the record carries. */
  name: string;
  read(): Uint8Array;
}

export interface RecordFile {
  count: number;
  /** In the order of the file; one is good until the next one is asked for. */
  entries(): Iterable<RecordEntry>;
  close(): void;
}

const magic = 0xced7230a;
const magicBytes = Uint8Array.of(0x0a, 0x23, 0xd7, 0xce);
const frameHeaderBytes = 8;
const imageHeaderBytes = 24;
/** Which part of a record a frame is; 2 is one in the middle. */
const whole = 0;
const first = 1;
const last = 3;
/** As for a picture that is a file of its own. */
const maxRecordBytes = 16 * 1024 * 1024;
const maxRecords = 20_000_000;

interface Part {
  at: number;
  length: number;
}

/** Opens a file and checks its records: their labels must be as the task has them. */
export function openRecordFile(path: string, { name, task }: { name: string; task: Task }): RecordFile {
  const file = openSync(path, "r");
  function* entries(): Generator<RecordEntry, void> {
    let index = 0;
    for (const parts of recordsIn(file, name)) yield entryOf(file, parts, { name, task, index: index++ });
  }
  try {
    let count = 0;
    for (const _ of entries()) count++;
    if (count === 0) throw dataFault(`${name} holds no record`);
    return { count, entries, close: () => closeSync(file) };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function entryOf(
  file: number,
  parts: readonly Part[],
  { name, task, index }: { name: string; task: Task; index: number },
): RecordEntry {
  const header = readBytes(file, parts[0] as Part, imageHeaderBytes);
  const where = `record ${index} of ${name}`;
  if (header.length < imageHeaderBytes) throw dataFault(`${where} is too short to hold a picture`);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const following = view.getUint32(0, true);
  if (Math.max(1, following) !== task.columns) {
    throw dataFault(`${where} has ${Math.max(1, following)} labels, not ${task.columns}: ${task.rule}`);
  }
  const pictureAt = imageHeaderBytes + 4 * following;
  const labels = following === 0 ? [view.getFloat32(4, true)] : followingLabels(file, parts[0] as Part, following);
  for (const label of labels) {
    if (!Number.isInteger(label) || label < 0 || label > task.most)
      throw dataFault(`the label ${label} of ${where} is unknown: ${task.rule}`);
  }
  return {
    labels,
    name: `${name}#${view.getBigUint64(8, true)}`,
    read: () => recordBytes(file, parts).subarray(pictureAt),
  };
}

/** Fewer than `count` where the record is too short for them; then there is no picture in it either. */
function followingLabels(file: number, { at, length }: Part, count: number): number[] {
  const part = { at: at + imageHeaderBytes, length: length - imageHeaderBytes };
  const bytes = readBytes(file, part, 4 * count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => view.getFloat32(4 * i, true));
}

/** The parts of every record. */
function* recordsIn(file: number, name: string): Generator<Part[], void> {
  const { size } = fstatSync(file);
  let count = 0;
  let open: Part[] | undefined;
  for (let at = 0; at < size; ) {
    const header = readBytes(file, { at, length: frameHeaderBytes }, frameHeaderBytes);
    const view = new DataView(header.buffer, header.byteOffset, header.length);
    if (header.length < frameHeaderBytes || view.getUint32(0, true) !== magic) {
      throw dataFault(`${name} is damaged, or no RecordIO file: at byte ${at} no record begins`);
    }
    const word = view.getUint32(4, true);
    const part = { at: at + frameHeaderBytes, length: word & 0x1fffffff };
    const kind = word >>> 29;
    if (part.at + part.length > size) throw dataFault(`${name} is cut off in the record at byte ${at}`);
    const isStart = kind === whole || kind === first;
    if (kind > last || isStart !== (open === undefined))
      throw dataFault(`${name} is damaged: the parts of the record at byte ${at} do not fit`);
    open = [...(open ?? []), part];
    if (open.reduce((sum, { length }) => sum + length + 4, 0) > maxRecordBytes) {
      throw dataFault(`the record at byte ${at} of ${name} has more than ${maxRecordBytes / 1024 ** 2} MiB`);
    }
    if (kind === whole || kind === last) {
      if (++count > maxRecords) throw dataFault(`${name} has more than ${maxRecords} records`);
      yield open;
      open = undefined;
    }
    at = part.at + Math.ceil(part.length / 4) * 4;
  }
  if (open !== undefined) throw dataFault(`${name} ends in the middle of a record`);
}

function recordBytes(file: number, parts: readonly Part[]): Uint8Array {
  const pieces = parts.flatMap((part, i) => {
    const bytes = readBytes(file, part, part.length);
    return i === 0 ? [bytes] : [magicBytes, bytes];
  });
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
}

/** The first `most` bytes of a part; fewer when it, or the file, is shorter. */
function readBytes(file: number, { at, length }: Part, most: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(length, most));
  let filled = 0;
  while (filled < bytes.length) {
    const count = readSync(file, bytes, filled, bytes.length - filled, at + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
