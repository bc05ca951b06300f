import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import type { Clients } from "../clients.ts";
import { UsageError } from "../command.ts";
import { modelOfJob } from "./latest-job.ts";

/**
 * Where the model lies that a training begins with: an address as it is, a job's model, or a folder with `backbone.json`, which is staged
 * first.
 */
export async function stagePretrained(
  clients: Clients,
  given: string,
  place: { bucket: string; prefix: string },
): Promise<string> {
  if (given.startsWith("s3://")) return given;
  if (!existsSync(given)) return modelOfJob(clients, given);
  const path = join(given, "backbone.json");
  if (!existsSync(path)) {
    throw new UsageError(
      `--pretrained ${given} has no backbone.json: what a backbone needs stands in docs/backbones.md`,
    );
  }
  const text = await readFile(path, "utf8");
  const file = (JSON.parse(text) as { model?: { file?: unknown } }).model?.file;
  if (typeof file !== "string" || basename(file) !== file)
    throw new UsageError(`${path} names no file beside it in model.file`);
  const prefix = `${place.prefix}/backbones/${file.replace(/\.onnx$/, "")}`;
  for (const [name, Body] of [
    [file, await readFile(join(given, file))],
    ["backbone.json", text],
  ] as const) {
    await clients.s3.send(new PutObjectCommand({ Bucket: place.bucket, Key: `${prefix}/${name}`, Body }));
  }
  return `s3://${place.bucket}/${prefix}/`;
}
