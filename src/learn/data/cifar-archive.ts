import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { dataFault } from "./data-fault.ts";
import { type NumberArray, type Pickled, type PickledMap, PickleError, readPickle } from "./pickle.ts";

// The CIFAR-10 and CIFAR-100 archives as their authors publish them (`cifar-10-python.tar.gz`, `cifar-100-python.tar.gz`).
//
// A1. An archive is read whole or not at all: one that is cut off or damaged gives an error and no picture.

export interface CifarArchive {
  /** Names of the classes by label. */
  labels: string[];
  train: CifarPictures;
  test: CifarPictures;
}

interface CifarPictures {
  count: number;
  /** 3,072 bytes per picture: 32 x 32 red, green, blue. */
  rows: Uint8Array;
  labels: number[];
  fileNames: string[];
}

export const cifarSide = 32;
const rowBytes = 3 * cifarSide * cifarSide;
/** The largest member of either archive has 155 MB. */
const maxMemberBytes = 256 * 1024 ** 2;
const wanted = /(^|\/)(train|test|meta|data_batch_\d|test_batch|batches\.meta)$/;

/** Reads an archive from disk; throws a `ClientError` that names the file and the reason. */
export async function readCifarArchive(path: string): Promise<CifarArchive> {
  const name = basename(path);
  const members = await readMembers(path, name);
  try {
    if (members.has("train")) {
      return {
        labels: namesOf(unpickle(members, "meta", name).get("fine_label_names")),
        train: picturesOf([unpickle(members, "train", name)], "fine_labels"),
        test: picturesOf([unpickle(members, "test", name)], "fine_labels"),
      };
    }
    const batches = [1, 2, 3, 4, 5].map((index) => unpickle(members, `data_batch_${index}`, name));
    return {
      labels: namesOf(unpickle(members, "batches.meta", name).get("label_names")),
      train: picturesOf(batches, "labels"),
      test: picturesOf([unpickle(members, "test_batch", name)], "labels"),
    };
  } catch (error) {
    if (error instanceof PickleError) throw dataFault(`the archive ${name} is damaged: ${error.message}`, error);
    throw error;
  }
}

async function readMembers(path: string, name: string): Promise<Map<string, Uint8Array>> {
  const members = new Map<string, Uint8Array>();
  const tar = extract();
  const reading = (async () => {
    for await (const entry of tar) {
      const { name: member, size, type } = entry.header;
      const key = wanted.exec(member)?.[2];
      if (type !== "file" || key === undefined) {
        entry.resume();
        continue;
      }
      if (size === undefined || size > maxMemberBytes) {
        throw dataFault(`the member ${member} of ${name} has ${size} bytes; at most ${maxMemberBytes} are read`);
      }
      const bytes = new Uint8Array(size);
      let at = 0;
      for await (const chunk of entry) {
        bytes.set(chunk as Uint8Array, at);
        at += (chunk as Uint8Array).length;
      }
      if (at !== size)
        throw dataFault(`the archive ${name} is cut off in the member ${member}: ${at} of ${size} bytes`);
      members.set(key, bytes);
    }
  })();
  const [streaming, read] = await Promise.allSettled([
    pipeline(createReadStream(path), createGunzip(), tar).catch((error: Error) => {
      tar.destroy(error);
      throw error;
    }),
    reading,
  ]);
  // The stream's own error first: the reader only sees that its source went away.
  for (const one of [streaming, read]) {
    if (one.status === "fulfilled") continue;
    const error = one.reason as NodeJS.ErrnoException;
    if (error.name === "Fault") throw error;
    if (error.code === "ENOENT") throw dataFault(`there is no file ${path}`, error);
    const reason = error.code === "Z_BUF_ERROR" ? "it ends in the middle" : error.message;
    throw dataFault(
      `the archive ${name} is cut off or damaged (${reason}): nothing was read from it; download it again`,
      error,
    );
  }
  return members;
}

function unpickle(members: Map<string, Uint8Array>, member: string, name: string): PickledMap {
  const bytes = members.get(member);
  if (bytes === undefined)
    throw dataFault(`the archive ${name} has no member "${member}": it is incomplete or not a CIFAR archive`);
  const value = readPickle(bytes);
  if (!(value instanceof Map)) throw new PickleError(`the member "${member}" holds no dictionary`);
  return value;
}

function picturesOf(batches: readonly PickledMap[], labelKey: string): CifarPictures {
  const parts = batches.map((batch) => {
    const data = batch.get("data") as NumberArray | undefined;
    const labels = batch.get(labelKey);
    if (data?.kind !== "array" || data.type !== "u1" || data.shape[1] !== rowBytes || !Array.isArray(labels)) {
      throw new PickleError(`a batch lacks its pictures or "${labelKey}"`);
    }
    const count = data.shape[0]!;
    if (data.data.length !== count * rowBytes || labels.length !== count) {
      throw new PickleError(
        `a batch announces ${count} pictures, but holds ${data.data.length} bytes and ${labels.length} labels`,
      );
    }
    const fileNames = batch.get("filenames");
    return {
      data: data.data,
      labels: labels.map(Number),
      fileNames: fileNames === undefined ? [] : namesOf(fileNames),
    };
  });
  const labels = parts.flatMap((part) => part.labels);
  return {
    count: labels.length,
    rows: parts.length === 1 ? parts[0]!.data : new Uint8Array(Buffer.concat(parts.map((part) => part.data))),
    labels,
    fileNames: parts.flatMap((part) => part.fileNames),
  };
}

function namesOf(value: Pickled | undefined): string[] {
  if (!Array.isArray(value)) throw new PickleError("a list of names is missing");
  return value.map((one) => (one instanceof Uint8Array ? Buffer.from(one).toString("utf8") : String(one)));
}
