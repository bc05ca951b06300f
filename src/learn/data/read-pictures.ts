import { join } from "node:path";
import type { Task } from "../task/task.ts";
import { dataFault } from "./data-fault.ts";
import { decodePictures } from "./decode-pictures.ts";
import type { Item, Listing } from "./list-channel.ts";
import { type Hashed, hashed } from "./near-duplicates.ts";
import { type PictureSet, pictureSetBuilder } from "./picture-set.ts";
import type { Seen } from "./seen-picture.ts";
import { mostNamed, shortList } from "./short-list.ts";

/** A file that could not be read. */
export interface SkippedFile {
  file: string;
  reason: string;
}

export interface ReadPictures {
  set: PictureSet;
  hashed: Hashed;
  skipped: SkippedFile[];
  /** The names of some pictures of the set. They are listed again: nobody needs the names of all. */
  namesOf(indices: readonly number[]): Map<number, string>;
}

export interface ReadOptions extends Seen {
  channel: string;
  /** Folder that the decoded pictures are written to. */
  pictures: string;
  task: Task;
  threads?: number;
  signal?: AbortSignal;
  log?: (line: string) => void;
}

/** A few damaged files in a large set are everyday; a larger share means that something is wrong with the set. */
const maxSkipped = 0.05;

const saidEveryMs = 10_000;

/** Decodes the pictures of a channel into a file. */
export async function readPictures({ count, items }: Listing, options: ReadOptions): Promise<ReadPictures> {
  const { channel, log, threads = 1, signal, task, height, width, crop } = options;
  const seen = { height, width, crop };
  const skipped: SkippedFile[] = [];
  const skippedAt = new Set<number>();
  const file = join(options.pictures, `${channel}.rgb`);
  const builder = pictureSetBuilder(count, { file, height, width, columns: task.columns });
  const beganMs = performance.now();
  let saidMs = beganMs;
  try {
    let index = 0;
    for await (const { item, planes, reason } of decodePictures({ count, items }, { seen, threads })) {
      if (reason === undefined) builder.add(planes, item.labels);
      else {
        // Beyond the limit, the first ones are enough to see what is wrong.
        if (skipped.length < Math.max(mostNamed, maxSkipped * count))
          skipped.push({ file: `${channel}/${item.name}`, reason });
        skippedAt.add(index);
      }
      index++;
      signal?.throwIfAborted();
      const nowMs = performance.now();
      if (nowMs - saidMs < saidEveryMs) continue;
      saidMs = nowMs;
      const left = ((nowMs - beganMs) / 1000 / index) * (count - index);
      log?.(`Read ${index} of ${count} pictures of channel ${channel}, ${left.toFixed(0)} s to go.`);
    }
    if (skippedAt.size > 0) {
      const files = shortList(
        skipped.map((one) => `${one.file} (${one.reason})`),
        skippedAt.size,
      );
      const said = `${skippedAt.size} of ${count} pictures of channel "${channel}" cannot be read: ${files}`;
      if (skippedAt.size > maxSkipped * count) {
        throw dataFault(`${said}. That is more than ${maxSkipped * 100} %: repair or remove them`);
      }
      log?.(`Warning: ${said}. They are skipped.`);
    }
    const set = builder.finish();
    return { set, hashed: hashed(set), skipped, namesOf: (indices) => namesOf(indices, items, skippedAt) };
  } catch (error) {
    builder.abandon();
    throw error;
  }
}

function namesOf(
  indices: readonly number[],
  items: () => Iterable<Item>,
  skippedAt: ReadonlySet<number>,
): Map<number, string> {
  const wanted = new Set(indices);
  const names = new Map<number, string>();
  if (wanted.size === 0) return names;
  let [place, index] = [0, 0];
  for (const { name } of items()) {
    if (skippedAt.has(place++)) continue;
    if (wanted.has(index)) names.set(index, name);
    index++;
  }
  return names;
}
