import { gunzipSync } from "node:zlib";
import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import type { Operations } from "../../../ports/operations.ts";
import { parseCsv, readerFailure } from "./csv.ts";

type Fields = { [name: string]: Json };
type Output = Record<string, unknown>;

/** Objects are read whole, and their items are kept in memory while the run lasts. */
const maxObjectBytes = 128 * 2 ** 20;
/** Below what an operation answers in one piece. */
const rangeBytes = 4 * 2 ** 20;
const maxObjectsListed = 100_000;

/** The items of a distributed Map that has an ItemReader. */
export async function readItems(operations: Operations, reader: Json, signal: AbortSignal): Promise<Json[]> {
  const { Resource, ReaderConfig = {}, Parameters, Arguments } = reader as Fields;
  const config = ReaderConfig as Fields;
  const parameters = (Parameters ?? Arguments ?? {}) as Fields;
  const maxItems = maxItemsOf(config["MaxItems"]);
  try {
    const action = /:s3:(\w+)$/.exec(String(Resource))?.[1];
    if (action === "listObjectsV2") return await listObjects(operations, parameters, { maxItems, signal });
    if (action !== "getObject") throw readerFailure(`Scones reads items by s3:getObject and s3:listObjectsV2 only.`);
    const bytes = await readObject(operations, parameters, signal);
    const items = await parse(bytes, { config, maxItems, read: (more) => readObject(operations, more, signal) });
    return maxItems === 0 ? items : items.slice(0, maxItems);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw readerFailure(`${error.message} (Service: S3, Status Code: ${error.status}, Error Code: ${error.code})`);
  }
}

/** The items in data that stands for one file of the reader's source. */
export function itemsIn(text: string, config: Fields): Json[] {
  const maxItems = maxItemsOf(config["MaxItems"]);
  const items =
    config["InputType"] === undefined ? arrayIn(parseJson(text, "The data")) : itemsOfText(text, config, maxItems);
  return maxItems === 0 ? items : items.slice(0, maxItems);
}

/** 0 means all; a path may name a text that holds the number. */
function maxItemsOf(value: Json | undefined): number {
  if (value === undefined) return 0;
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= 0) return number;
  throw readerFailure(`MaxItems must be an integer of at least 0 but was: ${JSON.stringify(value)}`);
}

async function parse(
  bytes: Buffer,
  { config, maxItems, read }: { config: Fields; maxItems: number; read: (parameters: Fields) => Promise<Buffer> },
): Promise<Json[]> {
  const text = bytes.toString("utf8");
  if (config["InputType"] !== "MANIFEST") return itemsOfText(text, config, maxItems);
  return readInventory(parseJson(text, "The manifest"), { config, maxItems, read });
}

function itemsOfText(text: string, config: Fields, maxItems: number): Json[] {
  switch (config["InputType"]) {
    case "CSV":
      return parseCsv(text, {
        headerLocation: config["CSVHeaderLocation"] as string | undefined,
        headers: config["CSVHeaders"],
        delimiter: config["CSVDelimiter"] as string | undefined,
        maxItems,
      });
    case "JSON":
      return arrayIn(parseJson(text, "The file"), config["ItemsPointer"] as string | undefined);
    case "JSONL":
      return text
        .split(/\r?\n/)
        .filter((line) => line.trim() !== "")
        .slice(0, maxItems === 0 ? undefined : maxItems)
        .map((line, i) => parseJson(line, `Line ${i + 1} of the file`));
    default:
      throw readerFailure(
        `Scones reads the input types CSV, JSON, JSONL and MANIFEST, not '${String(config["InputType"])}'.`,
      );
  }
}

function parseJson(text: string, what: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw readerFailure(`${what} is not JSON: ${(error as Error).message}`);
  }
}

/** `pointer` is a JSON pointer such as `/data/items`. */
function arrayIn(document: Json, pointer = ""): Json[] {
  let value: Json | undefined = document;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    const isContainer: boolean = value !== null && typeof value === "object" && Object.hasOwn(value, name);
    value = isContainer ? (value as unknown as Fields)[name] : undefined;
  }
  if (!Array.isArray(value)) throw readerFailure("Attempting to map over non-iterable node.");
  return value;
}

/** An S3 inventory: a manifest that names files of rows without headers. */
async function readInventory(
  manifest: Json,
  { config, maxItems, read }: { config: Fields; maxItems: number; read: (parameters: Fields) => Promise<Buffer> },
): Promise<Json[]> {
  if (config["ManifestType"] !== undefined && config["ManifestType"] !== "S3_INVENTORY") {
    throw readerFailure(`Scones reads manifests of the type S3_INVENTORY, not '${String(config["ManifestType"])}'.`);
  }
  const { fileFormat, fileSchema, destinationBucket, files } = (manifest ?? {}) as Fields;
  if (fileFormat !== "CSV" || typeof fileSchema !== "string" || !Array.isArray(files)) {
    throw readerFailure("The manifest must be that of an S3 inventory in the format CSV, with fileSchema and files.");
  }
  const headers = fileSchema.split(",").map((name) => name.trim());
  const Bucket = String(destinationBucket).replace(/^arn:[^:]*:s3:::/, "");
  const items: Json[] = [];
  for (const file of files) {
    const bytes = await read({ Bucket, Key: (file as Fields)["key"] as Json });
    const rows = parseCsv(bytes.toString("utf8"), { headerLocation: "GIVEN", headers, maxItems });
    for (const row of rows) items.push(row);
    if (maxItems > 0 && items.length >= maxItems) break;
  }
  return items;
}

async function readObject(operations: Operations, parameters: Fields, signal: AbortSignal): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let total = Number.POSITIVE_INFINITY;
  let read = 0;
  for (let etag: unknown; read < total; ) {
    // The object must stay the same from the first piece to the last.
    const range = { Range: `bytes=${read}-${read + rangeBytes - 1}`, ...(etag === undefined ? {} : { IfMatch: etag }) };
    const { output } = await operations
      .call("s3", "GetObject", { ...parameters, ...range }, { signal })
      .catch((error: unknown) => {
        // No range fits an object without bytes.
        if (read === 0 && error instanceof Fault && error.code === "InvalidRange") return { output: {} as Output };
        throw error;
      });
    const piece = bytesOf(output["Body"]);
    pieces.push(piece);
    read += piece.length;
    etag = output["ETag"];
    const rangeTotal = /\/(\d+)$/.exec(String(output["ContentRange"] ?? ""))?.[1];
    total = rangeTotal === undefined ? read : Number(rangeTotal);
    if (total > maxObjectBytes) {
      throw readerFailure(`Scones reads items from objects of at most ${maxObjectBytes} bytes; this one has ${total}.`);
    }
    if (piece.length === 0) break;
  }
  const bytes = Buffer.concat(pieces);
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? unzipped(bytes) : bytes;
}

function unzipped(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: maxObjectBytes });
  } catch (error) {
    throw readerFailure(`The object could not be decompressed: ${(error as Error).message}`);
  }
}

async function listObjects(
  operations: Operations,
  parameters: Fields,
  { maxItems, signal }: { maxItems: number; signal: AbortSignal },
): Promise<Json[]> {
  const items: Json[] = [];
  for (let token: unknown; ; ) {
    const input = { ...parameters, ...(token === undefined ? {} : { ContinuationToken: token }) };
    const { output } = await operations.call("s3", "ListObjectsV2", input, { signal });
    for (const object of (output["Contents"] ?? []) as { [name: string]: unknown }[]) {
      if (items.length === maxItems && maxItems > 0) return items;
      if (items.length === maxObjectsListed) {
        throw readerFailure(`Scones lists at most ${maxObjectsListed} objects: set MaxItems or a longer Prefix.`);
      }
      items.push({
        Etag: object["ETag"] as string,
        Key: object["Key"] as string,
        LastModified: Math.floor((object["LastModified"] as Date).getTime() / 1_000),
        Size: Number(object["Size"]),
        StorageClass: (object["StorageClass"] as string | undefined) ?? "STANDARD",
      });
    }
    token = output["NextContinuationToken"];
    if (token === undefined) return items;
  }
}

function bytesOf(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  return typeof body === "string" ? Buffer.from(body) : Buffer.from(body as Uint8Array);
}
