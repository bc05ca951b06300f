import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { ContainerDefinition } from "@aws-sdk/client-sagemaker";
import type { Blobs } from "../../ports/blobs.ts";
import { containerCommand } from "../../serve/container.ts";
import { modelServerOrigin } from "../../serve/model-server.ts";
import { ArchiveError, unpackArchive } from "../../serve/unpack-archive.ts";
import type { VariantModel } from "../../serve/variant.ts";
import { modelDataOf } from "./models.ts";
import { invalid } from "./resource-names.ts";

/** What a model is made of, as it is kept; folders are relative to those of whoever runs it. */
export type ModelSource =
  | { type: "package"; blob: string; folder: string; threads?: number }
  | { type: "container"; command: string; environment: Record<string, string>; blob?: string; folder: string }
  | { type: "server"; origin: string };

export function sourceOf(container: ContainerDefinition, folder: string): ModelSource {
  const image = container.Image as string;
  const origin = modelServerOrigin(image);
  if (origin !== undefined) return { type: "server", origin };
  const data = modelDataOf(container);
  const blob = data === undefined ? undefined : `${data.bucket}/${data.key}`;
  const command = containerCommand(image);
  if (command === undefined) return { type: "package", blob: blob as string, folder, ...threadsOf(container) };
  const environment = { ...container.Environment };
  return { type: "container", command, environment, folder, ...(blob === undefined ? {} : { blob }) };
}

/** As programs on top of OpenMP are told: more than one thread per worker answers a single client sooner. */
function threadsOf({ Environment }: ContainerDefinition): { threads?: number } {
  const text = Environment?.["OMP_NUM_THREADS"];
  if (text === undefined) return {};
  const threads = Number(text);
  if (!/^\d{1,3}$/.test(text) || threads < 1) {
    throw invalid(`The Environment's OMP_NUM_THREADS is "${text}"; it must be a whole number from 1 to 999.`);
  }
  return { threads };
}

export function isUnpacked(source: ModelSource, directory: string): boolean {
  return source.type === "server" || existsSync(join(directory, source.folder));
}

/** Lays the model's files out. A folder appears in one step: what a crash left half unpacked has another name. */
export async function unpackSource(source: ModelSource, directory: string, blobs: Blobs): Promise<void> {
  if (source.type === "server" || isUnpacked(source, directory)) return;
  const folder = join(directory, source.folder);
  if (source.blob === undefined) {
    await mkdir(folder, { recursive: true });
    return;
  }
  const blob = await blobs.get(source.blob);
  if (blob === undefined) throw new ArchiveError(`Could not find model data at s3://${source.blob}.`);
  const part = `${folder}.part`;
  await rm(part, { recursive: true, force: true });
  await mkdir(dirname(part), { recursive: true });
  try {
    const names = await unpackArchive(blob.body, part, { packedBytes: blob.sizeBytes });
    if (source.type === "package" && !names.includes("model.json")) await noteDigest(part, names, source.blob);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
  await rename(part, folder);
}

/** A network that comes without a manifest: what it was when it was unpacked must be what is loaded. */
async function noteDigest(folder: string, names: readonly string[], blob: string): Promise<void> {
  const networks = names.filter((name) => name.endsWith(".onnx"));
  const [network] = networks;
  if (network === undefined || networks.length > 1 || network.includes("/")) {
    const found = names.slice(0, 5).join(", ");
    throw new ArchiveError(
      `s3://${blob} is no model package: it has neither a model.json nor one ONNX file, but ${found}`,
    );
  }
  const hash = createHash("sha256");
  await pipeline(createReadStream(join(folder, network)), hash);
  await writeFile(join(folder, `${network}.sha256`), hash.digest("hex"));
}

/** The model in the words of the model server; `base` is what every program of the user's finds in its environment. */
export function variantModelOf(
  source: ModelSource,
  directory: string,
  base: Readonly<Record<string, string>>,
): VariantModel {
  switch (source.type) {
    case "server":
      return source;
    case "package":
      return {
        type: "package",
        folder: join(directory, source.folder),
        ...(source.threads === undefined ? {} : { threads: source.threads }),
      };
    case "container": {
      const { command, environment, folder } = source;
      return { type: "container", command, folder: join(directory, folder), environment: { ...base, ...environment } };
    }
  }
}
