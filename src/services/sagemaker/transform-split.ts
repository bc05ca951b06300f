import { createChecksum } from "../../wire/checksums.ts";

/*
 * An object cut into records while it is read: lines, RecordIO frames (dmlc-core, recordio.h) or TFRecords (tensorflow,
 * record_writer.h). No more of the object is held than one record and the piece at hand.
 *
 * RecordIO: uint32 magic; uint32 of which the upper 3 bits say which part of a record this is and the lower 29 how long; the
 * bytes, padded to 4. A record that contains the magic is cut there, and the magic left out between the parts.
 * TFRecord: uint64 length, uint32 checksum of the length, the bytes, uint32 checksum of the bytes; CRC-32C, masked.
 * All numbers are little-endian.
 */

/** What is wrong with the data: the job goes on with other objects and ends as failed. */
export class RecordError extends Error {}

export type Split = "None" | "Line" | "RecordIO" | "TFRecord";

export interface RawRecord {
  /** What it says. */
  data: Buffer;
  /** As it lies in the object. */
  framed: Buffer;
}

/** In groups as they come. Records longer than `maxBytes` are refused before they are collected. */
export async function* recordsOf(
  object: AsyncIterable<Buffer>,
  split: Split,
  maxBytes: number,
): AsyncGenerator<RawRecord[], void> {
  const reader = new Reader(object, maxBytes);
  try {
    yield* forms[split](reader);
  } finally {
    await reader.close();
  }
}

const forms: Record<Split, (reader: Reader) => AsyncGenerator<RawRecord[], void>> = {
  None: whole,
  Line: lines,
  RecordIO: recordIo,
  TFRecord: tfRecords,
};

async function* whole(reader: Reader): AsyncGenerator<RawRecord[], void> {
  const data = await reader.rest();
  yield [{ data, framed: data }];
}

async function* lines(reader: Reader): AsyncGenerator<RawRecord[], void> {
  for (;;) {
    const text = await reader.throughLast(newline);
    if (text.length === 0) return;
    const records: RawRecord[] = [];
    for (let from = 0; from < text.length; ) {
      const found = text.indexOf(newline, from);
      const next = found === -1 ? text.length : found + 1;
      const end = found === -1 ? next : found > from && text[found - 1] === carriageReturn ? found - 1 : found;
      records.push({ data: text.subarray(from, end), framed: text.subarray(from, next) });
      from = next;
    }
    yield records;
  }
}

const newline = 10;
const carriageReturn = 13;

const magic = 0xced7230a;
const magicBytes = Buffer.from("0a23d7ce", "hex");
const parts = { whole: 0, first: 1, last: 3 } as const;

async function* recordIo(reader: Reader): AsyncGenerator<RawRecord[], void> {
  let data: Buffer[] = [];
  let framed: Buffer[] = [];
  for (;;) {
    const { at } = reader;
    const head = await reader.take(8, "a RecordIO record");
    if (head === undefined) break;
    const word = head.readUInt32LE(4);
    const [part, length] = [word >>> 29, word & 0x1fffffff];
    const isStart = part === parts.whole || part === parts.first;
    if (head.readUInt32LE(0) !== magic || part > parts.last || isStart !== (framed.length === 0)) {
      throw new RecordError(`At byte ${at} of the object no RecordIO record begins.`);
    }
    const paddedBytes = Math.ceil(length / 4) * 4;
    const padded = await reader.must(paddedBytes, "a RecordIO record", sum(framed));
    if (framed.length > 0) data.push(magicBytes);
    data.push(padded.subarray(0, length));
    framed.push(head, padded);
    if (part !== parts.whole && part !== parts.last) continue;
    yield [{ data: Buffer.concat(data), framed: Buffer.concat(framed) }];
    data = [];
    framed = [];
  }
  if (framed.length > 0) throw cutOff("a RecordIO record");
}

async function* tfRecords(reader: Reader): AsyncGenerator<RawRecord[], void> {
  for (;;) {
    const { at } = reader;
    const head = await reader.take(12, "a TFRecord");
    if (head === undefined) return;
    if (maskedChecksum(head.subarray(0, 8)) !== head.readUInt32LE(8)) {
      throw new RecordError(
        `At byte ${at} of the object no TFRecord begins: the checksum of its length does not match.`,
      );
    }
    const length = Number(head.readBigUInt64LE(0));
    const body = await reader.must(length + 4, "a TFRecord", head.length);
    const data = body.subarray(0, length);
    if (maskedChecksum(data) !== body.readUInt32LE(length)) {
      throw new RecordError(`The TFRecord at byte ${at} of the object is damaged: its checksum does not match.`);
    }
    yield [{ data, framed: Buffer.concat([head, body]) }];
  }
}

const mask = 0xa282ead8;

function maskedChecksum(bytes: Buffer): number {
  const checksum = createChecksum("CRC32C");
  checksum.update(bytes);
  const value = Buffer.from(checksum.base64(), "base64").readUInt32BE(0);
  return (((value >>> 15) | (value << 17)) + mask) >>> 0;
}

/** Takes bytes from pieces of any size. */
class Reader {
  /** How many bytes were taken. */
  at = 0;
  readonly #pieces: AsyncIterator<Buffer>;
  readonly #maxBytes: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  constructor(object: AsyncIterable<Buffer>, maxBytes: number) {
    this.#pieces = object[Symbol.asyncIterator]();
    this.#maxBytes = maxBytes;
  }

  /** So many bytes; undefined at the end of the object. */
  async take(bytes: number, of: string): Promise<Buffer | undefined> {
    while (this.#waitingBytes < bytes) if (!(await this.#more())) break;
    if (this.#waitingBytes === 0) return undefined;
    if (this.#waitingBytes < bytes) throw cutOff(of);
    return this.#shift(bytes);
  }

  /** Of a record of which there are `before` bytes already. */
  async must(bytes: number, of: string, before: number): Promise<Buffer> {
    if (before + bytes > this.#maxBytes) throw tooLarge(before + bytes, this.#maxBytes);
    if (bytes === 0) return Buffer.alloc(0);
    const taken = await this.take(bytes, of);
    if (taken === undefined) throw cutOff(of);
    return taken;
  }

  /** Until after the last such byte that is there, or the end; empty at the end. */
  async throughLast(byte: number): Promise<Buffer> {
    if (this.#waitingBytes === 0) await this.#more();
    for (;;) {
      const joined = this.#joined();
      const found = joined.lastIndexOf(byte);
      if (found !== -1) return this.#shift(found + 1);
      const looked = joined.length;
      if (looked > this.#maxBytes) throw tooLarge(looked, this.#maxBytes);
      // By doubling: looking for the end of a long line must not join it again with every piece.
      let isFound = false;
      while (!isFound && this.#waitingBytes <= 2 * looked && (await this.#more()))
        isFound = this.#waiting.at(-1)?.includes(byte) === true;
      if (this.#waitingBytes === looked) return this.#shift(looked);
    }
  }

  /** Whoever reads no further lets go of the object. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async rest(): Promise<Buffer> {
    while (await this.#more())
      if (this.#waitingBytes > this.#maxBytes) throw tooLarge(this.#waitingBytes, this.#maxBytes);
    return this.#shift(this.#waitingBytes);
  }

  async #more(): Promise<boolean> {
    const next = await this.#pieces.next();
    if (next.done === true) return false;
    this.#waiting.push(next.value);
    this.#waitingBytes += next.value.length;
    return true;
  }

  #joined(): Buffer {
    if (this.#waiting.length !== 1) this.#waiting = [Buffer.concat(this.#waiting)];
    return this.#waiting[0] as Buffer;
  }

  #shift(bytes: number): Buffer {
    const joined = this.#joined();
    this.#waiting = [joined.subarray(bytes)];
    this.#waitingBytes -= bytes;
    this.at += bytes;
    return joined.subarray(0, bytes);
  }
}

function sum(pieces: readonly Buffer[]): number {
  return pieces.reduce((total, { length }) => total + length, 0);
}

function cutOff(what: string): RecordError {
  return new RecordError(`The object ends in the middle of ${what}.`);
}

export function tooLarge(bytes: number, maxBytes: number): RecordError {
  return new RecordError(`A payload of ${bytes} bytes is larger than MaxPayloadInMB allows (${maxBytes} bytes).`);
}
