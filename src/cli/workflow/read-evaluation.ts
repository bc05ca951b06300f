import { createReadStream, existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { extract } from "tar-stream";
import type { Evaluation, MultiLabelEvaluation } from "../../learn/evaluation.ts";
import type { EpochReport } from "../../learn/training/worker-job.ts";
import type { Clients } from "../clients.ts";
import { latestModel, modelOfJob } from "./latest-job.ts";
import { parseS3Uri } from "./s3-uri.ts";

export interface ReadEvaluation {
  source: string;
  evaluation: Evaluation;
  /** Where the source is a whole archive. */
  curve?: EpochReport[];
}

const names = { evaluation: "metrics/evaluation.json", curve: "metrics/training-curve.json" };
/** Metrics of 10,000 classes stay far below it; an archive that unpacks to more is no model of ours. */
const maxUnpackedBytes = 4 * 1024 ** 3;
const maxMetricsBytes = 512 * 1024 ** 2;

/** What a training found out about its model: from a file, an archive here or in object storage, or a job's name. */
export async function readEvaluation(
  source: string | undefined,
  connect: () => Promise<Clients>,
): Promise<ReadEvaluation> {
  if (source !== undefined && existsSync(source)) {
    if (!source.endsWith(".json")) return fromArchive(source, createReadStream(source));
    return { source, evaluation: parsed(source, await readFile(source, "utf8")) };
  }
  const clients = await connect();
  try {
    const uri = source?.startsWith("s3://")
      ? source
      : await (source === undefined ? latestModel(clients) : modelOfJob(clients, source));
    const { bucket, key } = parseS3Uri(uri);
    const object = await clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return await fromArchive(uri, object.Body as Readable);
  } finally {
    clients.close();
  }
}

async function fromArchive(source: string, archive: Readable): Promise<ReadEvaluation> {
  const texts = new Map<string, string>();
  const unpacked = extract();
  let bytes = 0;
  const isMetrics = (name: string) => Object.values(names).includes(name);
  const reading = (async () => {
    for await (const entry of unpacked) {
      const name = entry.header.name.replace(/^\.\//, "");
      const chunks: Buffer[] = [];
      for await (const chunk of entry as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > (isMetrics(name) ? maxMetricsBytes : maxUnpackedBytes))
          throw new Error(`${source} is too large to be a model`);
        if (isMetrics(name)) chunks.push(chunk);
      }
      if (isMetrics(name)) texts.set(name, Buffer.concat(chunks).toString());
    }
  })();
  try {
    await Promise.all([pipeline(archive, createGunzip(), unpacked), reading]);
  } catch (error) {
    throw new Error(`${source} cannot be read as model.tar.gz: ${(error as Error).message}`, { cause: error });
  }
  const text = texts.get(names.evaluation);
  if (text === undefined) throw new Error(`${source} holds no ${names.evaluation}: it was not trained by Scones`);
  const curve = texts.get(names.curve);
  return {
    source,
    evaluation: parsed(source, text),
    ...(curve === undefined ? {} : { curve: JSON.parse(curve) as EpochReport[] }),
  };
}

function parsed(source: string, text: string): Evaluation {
  let value: Partial<Evaluation> | Partial<MultiLabelEvaluation> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch (error) {
    throw new Error(`${source} is no JSON: ${(error as Error).message}`, { cause: error });
  }
  if (value?.task === "multi_label") {
    throw new Error(
      `${source} was trained with multi_label=1: a threshold is chosen for pictures with one label each; precision, recall and average precision of each class are in its ${names.evaluation}`,
    );
  }
  if (value?.format !== "scones.evaluation/1" || !("guarantees" in value)) {
    throw new Error(`${source} is no evaluation.json with guarantees: train the model again with this version`);
  }
  return value as Evaluation;
}
