import { closeSync, fdatasync, fdatasyncSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";

/*
 * The write-ahead log of the executions: records of one turn, and those that came while the disk was busy, are one frame, hence
 * one wait for the disk, which does not hold up the event loop. Two files take turns and are overwritten in place, for a file
 * that keeps its length is faster to sync than one that grows.
 *
 * L1. `append` answers once its frame is on the disk. A frame is whole or absent: its checksum tells.
 * L2. A file is overwritten only when `release` has said that nothing in it is needed any more.
 *
 * A frame: length, checksum, round and number (four bytes each), then the records, one to a line. Every file holds frames of one
 * round, numbered from 0; where the next number does not follow, older bytes begin.
 */

const headBytes = 16;
const lineFeed = 10;
/** A file is full when it has grown to this: what a restart reads, and what waits in memory, is at most two of them. */
const defaultFileBytes = 4 * 2 ** 20;

export interface StepLog {
  /** The round that the next frame is written in; what `release` is told about. */
  round(): number;
  /** Answers the round it was written in. `record` must not hold a line break. */
  append(record: string): Promise<number>;
  /** Writes at once what waits. May be called twice. */
  close(): void;
}

export interface StepLogOptions {
  /** Without the number of the file, 0 or 1. */
  file: string;
  /** The first round to write; those before it are no longer needed. */
  round: number;
  /** Makes all rounds up to this one superfluous, for good, or throws. */
  release: (round: number) => void;
  fileBytes?: number;
}

export function stepLog(options: StepLogOptions): StepLog {
  const { file, round: firstRound, release, fileBytes = defaultFileBytes } = options;
  const descriptors = [0, 1].map((number) => openFile(fileName(file, number)));
  syncFolder(dirname(file));
  let round = firstRound;
  let offset = 0;
  let frames = 0;
  let group = newGroup();
  /** Frames are written one after the other, so that one place to make them is enough. */
  const space = Buffer.allocUnsafe(2 ** 20);
  /** Written, but not yet known to be on the disk. */
  let syncing: Group | undefined;
  let isScheduled = false;
  let isClosed = false;

  const descriptor = (): number => descriptors[round % 2] as number;

  const schedule = (): void => {
    if (isScheduled || syncing !== undefined || group.records.length === 0 || isClosed) return;
    isScheduled = true;
    setImmediate(flush);
  };

  const flush = (): void => {
    isScheduled = false;
    const current = take();
    if (current === undefined) return;
    syncing = current;
    fdatasync(descriptor(), (error) => {
      if (syncing !== current) return; // Closed meanwhile.
      settle(current, error);
      schedule();
    });
  };

  /** Writes what waits as one frame. */
  const take = (): Group | undefined => {
    const current = group;
    if (current.records.length === 0) return undefined;
    group = newGroup();
    try {
      if (offset > fileBytes) {
        release(round - 1); // Its file comes next.
        round += 1;
        offset = 0;
        frames = 0;
      }
      const frame = frameOf(current.records, { round, number: frames, space });
      writeWhole(descriptor(), frame, offset);
      current.bytes = frame.length;
      return current;
    } catch (error) {
      // What was written of it is overwritten by the next frame: the number is still free.
      current.reject(error);
      schedule();
      return undefined;
    }
  };

  const settle = (current: Group, error: Error | null): void => {
    syncing = undefined;
    if (error === null) {
      offset += current.bytes;
      frames += 1;
      current.resolve(round);
    } else current.reject(error);
  };

  return {
    round: () => round,
    append(record) {
      if (isClosed) return Promise.reject(new Error("the store is closed"));
      group.records.push(record);
      schedule();
      return group.whenWritten;
    },
    close() {
      if (isClosed) return;
      try {
        for (let current = syncing ?? take(); current !== undefined; current = take()) {
          fdatasyncSync(descriptor());
          settle(current, null);
        }
      } finally {
        isClosed = true;
        for (const one of descriptors) closeSync(one);
      }
    },
  };
}

/** The records of all rounds from `round` on, in the order they were written. Files that are not there hold none. */
export function* readStepLog(file: string, round: number): Generator<{ line: string; round: number }> {
  const contents = [0, 1].map((number) => readWhole(fileName(file, number)));
  for (let wanted = round; ; wanted++) {
    const bytes = contents[wanted % 2] as Buffer;
    if (!isFrame(bytes, 0, { round: wanted, number: 0 })) return;
    for (let offset = 0, number = 0; isFrame(bytes, offset, { round: wanted, number }); number++) {
      const length = bytes.readUInt32LE(offset);
      const lines = bytes.toString("utf8", offset + headBytes, offset + length).split("\n");
      for (const line of lines) yield { line, round: wanted };
      offset += length;
    }
  }
}

interface Group {
  records: string[];
  bytes: number;
  whenWritten: Promise<number>;
  resolve: (round: number) => void;
  reject: (error: unknown) => void;
}

function newGroup(): Group {
  let resolve: Group["resolve"] = () => {};
  let reject: Group["reject"] = () => {};
  const whenWritten = new Promise<number>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  whenWritten.catch(() => {}); // Those who appended are told; there may be none.
  return { records: [], bytes: 0, whenWritten, resolve, reject };
}

/** Writes the frame into `space`, or a larger one, and answers its bytes. */
function frameOf(
  records: string[],
  { round, number, space }: { round: number; number: number; space: Buffer },
): Buffer {
  const length = records.reduce((sum, record) => sum + record.length + 1, 0);
  // A UTF-16 unit becomes three bytes at most.
  const frame = space.length >= headBytes + length * 3 ? space : Buffer.allocUnsafe(headBytes + length * 3);
  let end = headBytes;
  for (const record of records) {
    end += frame.write(record, end);
    frame[end++] = lineFeed;
  }
  end -= 1; // The last line needs none.
  frame.writeUInt32LE(end, 0);
  frame.writeUInt32LE(round, 8);
  frame.writeUInt32LE(number, 12);
  frame.writeUInt32LE(crc32(frame.subarray(8, end)), 4);
  return frame.subarray(0, end);
}

function isFrame(bytes: Buffer, offset: number, { round, number }: { round: number; number: number }): boolean {
  if (offset + headBytes > bytes.length) return false;
  const length = bytes.readUInt32LE(offset);
  return (
    length >= headBytes &&
    offset + length <= bytes.length &&
    bytes.readUInt32LE(offset + 8) === round &&
    bytes.readUInt32LE(offset + 12) === number &&
    bytes.readUInt32LE(offset + 4) === crc32(bytes.subarray(offset + 8, offset + length))
  );
}

function writeWhole(descriptor: number, bytes: Buffer, offset: number): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(descriptor, bytes, written, bytes.length - written, offset + written);
  }
}

function fileName(file: string, number: number): string {
  return `${file}-${number}`;
}

/** For reading and writing, made where it is missing, never emptied. */
function openFile(name: string): number {
  try {
    return openSync(name, "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return openSync(name, "wx+");
  }
}

/** A file is there after power loss only if its folder says so. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function readWhole(name: string): Buffer {
  try {
    return readFileSync(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}
