import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import type { ModelManifest } from "../../ports/model-package.ts";
import { dataFault } from "../data/data-fault.ts";

// What the channel `model` holds: a model that Scones trained (its `model.tar.gz`), or a backbone, an ONNX feature extractor that the
// user brings, with a manifest of its input. Either as files or as one archive.

/** `backbone.json`. The input is what the file wants; Scones resizes and normalises pictures inside the model that it stores. */
export interface BackboneManifest {
  format: "scones.backbone/1";
  model: { file: string; sha256: string };
  /** Float32 [N, 3, height, width], RGB; each value is (0..255 - mean[c]) / deviation[c]. */
  input: { name: string; width: number; height: number; mean: number[]; deviation: number[] };
  /** Float32 [N, features]. */
  output: { name: string };
}

export type Pretrained =
  | { kind: "backbone"; manifest: BackboneManifest; model: Uint8Array }
  | { kind: "classifier"; manifest: ModelManifest; model: Uint8Array };

/** Larger than any classifier that a processor trains on. */
const maxArchiveBytes = 1024 ** 3;

/** `undefined` when there is no such channel. */
export async function readPretrained(folder: string): Promise<Pretrained | undefined> {
  if (!existsSync(folder)) return undefined;
  const archive = readdirSync(folder).find((name) => /\.(tar\.gz|tgz)$/.test(name));
  const files = archive === undefined ? filesOf(folder) : await filesInArchive(join(folder, archive));
  const where = archive === undefined ? 'channel "model"' : `${archive} of channel "model"`;
  const text = files.get("backbone.json") ?? files.get("model.json");
  if (text === undefined) {
    throw dataFault(
      `${where} has neither backbone.json (an ONNX feature extractor) nor model.json (a model that Scones trained)`,
    );
  }
  const manifest = parsed(text(), where);
  const model = files.get(manifest.model.file)?.();
  if (model === undefined) throw dataFault(`${where} has no file ${manifest.model.file}, which its manifest names`);
  const sha256 = createHash("sha256").update(model).digest("hex");
  if (sha256 !== manifest.model.sha256) {
    throw dataFault(
      `${manifest.model.file} of ${where} has the SHA-256 ${sha256}, not the one that its manifest names`,
    );
  }
  return manifest.format === "scones.backbone/1"
    ? { kind: "backbone", manifest: manifest as BackboneManifest, model }
    : { kind: "classifier", manifest: manifest as ModelManifest, model };
}

function parsed(bytes: Uint8Array, where: string): BackboneManifest | ModelManifest {
  let value: Partial<BackboneManifest | ModelManifest> | null;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8")) as typeof value;
  } catch (error) {
    throw dataFault(`the manifest in ${where} is no JSON: ${(error as Error).message}`, error);
  }
  const { format, model, input, output } = value ?? {};
  const isKnown = format === "scones.backbone/1" || format === "scones.image-classifier/1";
  const isSide = (side: unknown) => Number.isInteger(side) && (side as number) >= 8 && (side as number) <= 1024;
  const areNumbers = (numbers: unknown) =>
    Array.isArray(numbers) && numbers.length === 3 && numbers.every((one) => Number.isFinite(one));
  const isInput =
    typeof input?.name === "string" &&
    isSide(input.width) &&
    isSide(input.height) &&
    areNumbers(input.mean) &&
    areNumbers(input.deviation) &&
    !input.deviation.includes(0);
  const isModel = typeof model?.file === "string" && typeof model.sha256 === "string";
  if (!isKnown || !isInput || !isModel || typeof output?.name !== "string") {
    throw dataFault(
      `the manifest in ${where} must have format ("scones.backbone/1" or "scones.image-classifier/1"), ` +
        "model {file, sha256}, input {name, width, height (8 to 1024), mean [3], deviation [3]} and output {name}",
    );
  }
  return value as BackboneManifest | ModelManifest;
}

type Files = Map<string, () => Uint8Array>;

function filesOf(folder: string): Files {
  return new Map(readdirSync(folder).map((name) => [name, () => readFileSync(join(folder, name))]));
}

async function filesInArchive(path: string): Promise<Files> {
  const files: Files = new Map();
  const tar = extract();
  let sizeBytes = 0;
  const reading = (async () => {
    for await (const entry of tar) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry as AsyncIterable<Buffer>) {
        sizeBytes += chunk.length;
        if (sizeBytes > maxArchiveBytes) throw new Error(`it unpacks to more than ${maxArchiveBytes} bytes`);
        chunks.push(chunk);
      }
      const whole = Buffer.concat(chunks);
      if (entry.header.type === "file") files.set(entry.header.name.replace(/^\.\//, ""), () => whole);
    }
  })();
  try {
    await Promise.all([pipeline(createReadStream(path), createGunzip(), tar), reading]);
  } catch (error) {
    throw dataFault(`${basename(path)} of channel "model" is damaged: ${(error as Error).message}`, error);
  }
  return files;
}
