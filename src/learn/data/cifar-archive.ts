import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { binaryBatch, type CifarBatch, linesIn, pythonBatch, pythonNames } from "./cifar-batch.ts";
import { dataFault } from "./data-fault.ts";
import { PickleError } from "./pickle.ts";

// The CIFAR-10 and CIFAR-100 archives as their authors publish them, in the python form (`cifar-10-python.tar.gz`) and in the binary one
// (`cifar-10-binary.tar.gz`).
//
// A1. An archive is read whole or not at all: one that is cut off or damaged gives an error and no picture.

export interface CifarArchive {
  /** Names of the classes by label. */
  labels: string[];
  train: CifarBatch;
  test: CifarBatch;
}

/** Members of either form and data set that are read; an archive has other ones beside them. */
const wanted =
  /(?:^|\/)((?:train|test|data_batch_\d|test_batch)(?:\.bin)?|meta|batches\.meta(?:\.txt)?|fine_label_names\.txt)$/;
/** The largest of them has 155 MB. */
const maxMemberBytes = 256 * 1024 ** 2;

/** Reads an archive from disk; throws a `ClientError` that names the file and the reason. */
export async function readCifarArchive(path: string): Promise<CifarArchive> {
  const name = basename(path);
  const archive = archiveOf(await readMembers(path, name), name);
  for (const { labels } of [archive.train, archive.test]) {
    const unknown = labels.find((label) => !(label >= 0 && label < archive.labels.length));
    if (unknown !== undefined) {
      throw dataFault(
        `the archive ${name} is damaged: it names ${archive.labels.length} classes, but has the label ${unknown}`,
      );
    }
  }
  return archive;
}

/** The members of CIFAR-100 and CIFAR-10 have different names, and those of the binary form end in `.bin`. */
function archiveOf(members: Map<string, Uint8Array>, name: string): CifarArchive {
  const member = (wantedMember: string): Uint8Array => {
    const bytes = members.get(wantedMember);
    if (bytes !== undefined) return bytes;
    throw dataFault(
      `the archive ${name} has no member "${wantedMember}": it is incomplete, or no CIFAR archive of the python or binary form`,
    );
  };
  try {
    if (members.has("train.bin")) {
      const batch = (one: string) => binaryBatch(member(`${one}.bin`), { name: one, labelBytes: 2 });
      return { labels: linesIn(member("fine_label_names.txt")), train: batch("train"), test: batch("test") };
    }
    if (members.has("data_batch_1.bin")) {
      const batch = (one: string) => binaryBatch(member(`${one}.bin`), { name: one, labelBytes: 1 });
      const labels = linesIn(member("batches.meta.txt"));
      return { labels, train: together(trainingBatches.map(batch)), test: batch("test_batch") };
    }
    if (members.has("train")) {
      const batch = (one: string) => pythonBatch(member(one), { name: one, labelKey: "fine_labels" });
      const labels = pythonNames(member("meta"), { name: "meta", key: "fine_label_names" });
      return { labels, train: batch("train"), test: batch("test") };
    }
    const batch = (one: string) => pythonBatch(member(one), { name: one, labelKey: "labels" });
    const train = together(trainingBatches.map(batch));
    const labels = pythonNames(member("batches.meta"), { name: "batches.meta", key: "label_names" });
    return { labels, train, test: batch("test_batch") };
  } catch (error) {
    if (error instanceof PickleError) throw dataFault(`the archive ${name} is damaged: ${error.message}`, error);
    throw error;
  }
}

/** Of CIFAR-10, whose training part comes in five. */
const trainingBatches = [1, 2, 3, 4, 5].map((index) => `data_batch_${index}`);

function together(batches: readonly CifarBatch[]): CifarBatch {
  return {
    labels: batches.flatMap(({ labels }) => labels),
    names: batches.flatMap(({ names }) => names),
    planes: batches.flatMap(({ planes }) => planes),
  };
}

async function readMembers(path: string, name: string): Promise<Map<string, Uint8Array>> {
  const members = new Map<string, Uint8Array>();
  const tar = extract();
  const reading = (async () => {
    for await (const entry of tar) {
      const { name: member, size, type } = entry.header;
      const key = wanted.exec(member)?.[1];
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
