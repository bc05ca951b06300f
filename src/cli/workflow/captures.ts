import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { GetObjectCommand, paginateListObjectsV2 } from "@aws-sdk/client-s3";
import { type ParsedCaptures, parseCaptureFiles } from "../../monitor/parse-captures.ts";
import type { Clients } from "../clients.ts";
import { requiredEndpoint } from "./required.ts";
import { parseS3Uri } from "./s3-uri.ts";
import { inParallel } from "./stage.ts";

const downloadsInFlight = 16;
/** Captures are written off the answer path: the newest may take this long to appear. */
const waitAtMostMs = 15_000;
const pollEveryMs = 500;

/** Where an endpoint puts its captures. */
export async function captureUri(clients: Clients, endpointName: string): Promise<string> {
  const endpoint = await requiredEndpoint(clients, endpointName);
  const destination = endpoint.DataCaptureConfig?.DestinationS3Uri;
  if (destination === undefined)
    throw new Error(`endpoint ${endpointName} captures nothing; deploy it with: scones deploy`);
  return `${destination.replace(/\/$/, "")}/${endpointName}`;
}

/** Every record of every capture file below an address, in time order. */
export async function readCaptures(clients: Clients, uri: string, signal: AbortSignal): Promise<ParsedCaptures> {
  const { bucket, key } = parseS3Uri(uri);
  const keys: string[] = [];
  for await (const page of paginateListObjectsV2({ client: clients.s3 }, { Bucket: bucket, Prefix: `${key}/` })) {
    keys.push(...(page.Contents ?? []).flatMap((object) => (object.Key?.endsWith(".jsonl") ? [object.Key] : [])));
  }
  const texts = new Map<string, string>();
  await inParallel(keys, downloadsInFlight, async (file) => {
    const object = await clients.s3.send(new GetObjectCommand({ Bucket: bucket, Key: file }), { abortSignal: signal });
    texts.set(file, (await object.Body?.transformToString()) ?? "");
  });
  return parseCaptureFiles(keys.map((file) => ({ file, text: texts.get(file) ?? "" })));
}

/** The same of an `s3://` address or a folder on this machine. */
export async function readCaptureSource(
  clients: Clients,
  source: string,
  signal: AbortSignal,
): Promise<ParsedCaptures> {
  return source.startsWith("s3://") ? readCaptures(clients, source, signal) : readCaptureFolder(source);
}

async function readCaptureFolder(folder: string): Promise<ParsedCaptures> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".jsonl")).sort();
  const files: { file: string; text: string }[] = [];
  for (const file of names) files.push({ file, text: await readFile(join(folder, file), "utf8") });
  return parseCaptureFiles(files);
}

/** Reads captures until as many as expected are there, or the wait is over: then what is there is what there is. */
export async function awaitCaptures(
  clients: Clients,
  uri: string,
  options: { minimumRecords: number; signal: AbortSignal },
): Promise<ParsedCaptures> {
  const deadline = Date.now() + waitAtMostMs;
  for (;;) {
    const captures = await readCaptures(clients, uri, options.signal);
    if (captures.records.length >= options.minimumRecords || Date.now() > deadline) return captures;
    await sleep(pollEveryMs, undefined, { signal: options.signal });
  }
}
