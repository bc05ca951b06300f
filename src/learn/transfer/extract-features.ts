import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dataFault } from "../data/data-fault.ts";
import { openPictures, type PictureSet } from "../data/picture-set.ts";
import { writeWhole } from "../training/checkpoint.ts";
import { floatsOf, floatTensor, openSession } from "../training/runtime.ts";
import { featureModel, inputName } from "./graft.ts";
import type { BackboneManifest } from "./pretrained.ts";

/** Rows of `width` features: all pictures, then (where asked for) all of their mirror images. */
export interface ExtractedFeatures {
  values: Float32Array;
  width: number;
}

export interface ExtractOptions {
  manifest: BackboneManifest;
  model: Uint8Array;
  hasMirrors: boolean;
  threads: number;
  /** Features are kept here, so that an interrupted job need not run the backbone again. */
  cacheFolder: string;
  log(line: string): void;
}

const picturesPerRun = 32;
/** Some 60,000 pictures with their mirror images for a backbone of 4,096 features. */
const maxFeatureBytes = 2 * 1024 ** 3;

export async function extractFeatures(set: PictureSet, options: ExtractOptions): Promise<ExtractedFeatures> {
  const { manifest, hasMirrors, cacheFolder, log } = options;
  const key = createHash("sha256").update(JSON.stringify([manifest, hasMirrors, set.height, set.width]));
  const name = `features-${key.update(set.sha256).digest("hex").slice(0, 32)}.f32`;
  const rows = set.count * (hasMirrors ? 2 : 1);
  const cached = readCached(join(cacheFolder, name), rows);
  if (cached !== undefined) {
    log(`Features of ${set.count} pictures were computed before the interruption.`);
    return cached;
  }
  const features = await compute(set, options, rows);
  const bytes = new Uint8Array(features.values.buffer, 0, features.values.byteLength);
  try {
    writeWhole(cacheFolder, { name, parts: [bytes, createHash("sha256").update(bytes).digest()] });
  } catch (error) {
    log(`Warning: the features cannot be kept for a restart: ${(error as Error).message}`);
  }
  return features;
}

function readCached(path: string, rows: number): ExtractedFeatures | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  const body = Uint8Array.from(bytes.subarray(0, Math.max(0, bytes.length - 32)));
  if (!createHash("sha256").update(body).digest().equals(bytes.subarray(body.length))) return undefined;
  return { values: new Float32Array(body.buffer), width: body.length / 4 / rows };
}

async function compute(set: PictureSet, options: ExtractOptions, rows: number): Promise<ExtractedFeatures> {
  const { manifest, model, threads, log } = options;
  const session = await openSession(featureModel(manifest, model, set), threads);
  const pictures = openPictures(set);
  const size = 3 * set.height * set.width;
  let values = new Float32Array(0);
  let width = 0;
  const startedMs = performance.now();
  try {
    for (let from = 0; from < rows; from += picturesPerRun) {
      const count = Math.min(picturesPerRun, rows - from);
      const x = new Float32Array(count * size);
      for (let i = 0; i < count; i++) {
        const row = from + i;
        const picture = pictures.at(row % set.count);
        // Rows beyond the last picture are mirror images.
        x.set(row < set.count ? picture : mirrored(picture, set.width), i * size);
      }
      const feeds = { [inputName(manifest)]: floatTensor(x, [count, 3, set.height, set.width]) };
      const part = floatsOf(await session.run(feeds), "scones_features");
      if (from === 0) {
        width = part.length / count;
        refuseTooMany(set.count, rows * width * 4);
        values = new Float32Array(rows * width);
      }
      values.set(part, from * width);
      if ((from / picturesPerRun) % 32 === 31) log(`Features of ${from + count} of ${rows} pictures are computed.`);
    }
  } finally {
    pictures.close();
  }
  const seconds = (performance.now() - startedMs) / 1000;
  log(
    `Computed ${width} features of ${rows} pictures (mirror images count) in ${seconds.toFixed(1)} s, ${(rows / seconds).toFixed(1)} samples/sec.`,
  );
  return { values, width };
}

function mirrored(picture: Uint8Array, width: number): Uint8Array {
  const result = new Uint8Array(picture.length);
  for (let line = 0; line < picture.length; line += width) {
    for (let x = 0; x < width; x++) result[line + x] = picture[line + width - 1 - x]!;
  }
  return result;
}

/** Pictures are streamed, but the head sees all features at once, and twice (`trainHead`). */
function refuseTooMany(pictures: number, bytes: number): void {
  if (bytes <= maxFeatureBytes) return;
  throw dataFault(
    `the features of ${pictures} pictures need ${Math.ceil(bytes / 1024 ** 2)} MiB of memory, and at most ${maxFeatureBytes / 1024 ** 2} MiB are held: give fewer pictures, or train from scratch with use_pretrained_model=0, which has no such limit`,
  );
}
