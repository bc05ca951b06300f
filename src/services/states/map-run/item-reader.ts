import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import type { Operations } from "../../../ports/operations.ts";
import { csvRows, readerFailure } from "./csv.ts";
import { type ObjectReader, objectTexts, wholeText } from "./object-bytes.ts";
import { allAtOnce, eachPiece, type Piecewise } from "./piecewise.ts";

type Fields = { [name: string]: Json };

/** Items handed over in one piece where they come out of one document. */
const itemsAtOnce = 1_000;
/** A line of JSONL lies in memory until its end is seen. */
const maxLineLength = 8 * 2 ** 20;

/**
 * The items of a distributed Map that has an ItemReader, piece by piece: however many there are, only a piece of them is in
 * memory, unless they are members of one JSON document.
 */
export async function* readItems(operations: Operations, reader: Json, signal: AbortSignal): AsyncGenerator<Json[]> {
  const { ReaderConfig = {} } = reader as Fields;
  const maxItems = maxItemsOf((ReaderConfig as Fields)["MaxItems"]);
  let count = 0;
  try {
    for await (const items of allItems({ operations, signal }, reader as Fields)) {
      const wanted = maxItems > 0 && count + items.length > maxItems ? items.slice(0, maxItems - count) : items;
      if (wanted.length > 0) yield wanted;
      count += wanted.length;
      if (maxItems > 0 && count >= maxItems) return;
    }
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw readerFailure(`${error.message} (Service: S3, Status Code: ${error.status}, Error Code: ${error.code})`);
  }
}

function allItems(reader: ObjectReader, { Resource, ReaderConfig = {}, Parameters, Arguments }: Fields) {
  const parameters = (Parameters ?? Arguments ?? {}) as Fields;
  const action = /:s3:(\w+)$/.exec(String(Resource))?.[1];
  if (action === "listObjectsV2") return listObjects(reader, parameters);
  if (action !== "getObject") throw readerFailure(`Scones reads items by s3:getObject and s3:listObjectsV2 only.`);
  return itemsOfObject(reader, { config: ReaderConfig as Fields, parameters });
}

/** 0 means all; a path may name a text that holds the number. */
function maxItemsOf(value: Json | undefined): number {
  if (value === undefined) return 0;
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= 0) return number;
  throw readerFailure(`MaxItems must be an integer of at least 0 but was: ${JSON.stringify(value)}`);
}

async function* itemsOfObject(
  reader: ObjectReader,
  { config, parameters }: { config: Fields; parameters: Fields },
): AsyncGenerator<Json[]> {
  const lines = itemsOfLines(config);
  if (lines !== undefined) yield* eachPiece(objectTexts(reader, parameters), lines);
  else if (config["InputType"] === "MANIFEST") {
    yield* readInventory(reader, { config, manifest: parseJson(await wholeText(reader, parameters), "The manifest") });
  } else {
    const items = itemsOfDocument(await wholeText(reader, parameters), config);
    for (let at = 0; at < items.length; at += itemsAtOnce) yield items.slice(at, at + itemsAtOnce);
  }
}

/** The items in data that stands for one file of the reader's source. */
export function itemsIn(text: string, config: Fields): Json[] {
  const maxItems = maxItemsOf(config["MaxItems"]);
  const lines = itemsOfLines(config);
  const items =
    config["InputType"] === undefined
      ? arrayIn(parseJson(text, "The data"))
      : lines === undefined
        ? itemsOfDocument(text, config)
        : allAtOnce(text, lines);
  return maxItems === 0 ? items : items.slice(0, maxItems);
}

/** For the input types that need not be read to their end before their first item is known. */
function itemsOfLines(config: Fields): Piecewise<string, Json> | undefined {
  if (config["InputType"] === "JSONL") return jsonLines();
  if (config["InputType"] !== "CSV") return undefined;
  return csvRows({
    headerLocation: config["CSVHeaderLocation"] as string | undefined,
    headers: config["CSVHeaders"],
    delimiter: config["CSVDelimiter"] as string | undefined,
  });
}

function itemsOfDocument(text: string, config: Fields): Json[] {
  if (config["InputType"] === "JSON") {
    return arrayIn(parseJson(text, "The file"), config["ItemsPointer"] as string | undefined);
  }
  throw readerFailure(
    `Scones reads the input types CSV, JSON, JSONL and MANIFEST, not '${String(config["InputType"])}'.`,
  );
}

function jsonLines(): Piecewise<string, Json> {
  let waiting = "";
  let number = 0;
  const itemsOf = (lines: string[]): Json[] => {
    const items: Json[] = [];
    for (const line of lines) {
      number++;
      if (line.trim() !== "") items.push(parseJson(line, `Line ${number} of the file`));
    }
    return items;
  };
  return {
    take(text) {
      const lines = (waiting + text).split("\n");
      waiting = lines.pop() ?? "";
      if (waiting.length > maxLineLength) {
        throw readerFailure(`Line ${number + 1} of the file is longer than ${maxLineLength} characters.`);
      }
      return itemsOf(lines);
    },
    rest: () => itemsOf([waiting]),
  };
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
async function* readInventory(
  reader: ObjectReader,
  { config, manifest }: { config: Fields; manifest: Json },
): AsyncGenerator<Json[]> {
  if (config["ManifestType"] !== undefined && config["ManifestType"] !== "S3_INVENTORY") {
    throw readerFailure(`Scones reads manifests of the type S3_INVENTORY, not '${String(config["ManifestType"])}'.`);
  }
  const { fileFormat, fileSchema, destinationBucket, files } = (manifest ?? {}) as Fields;
  if (fileFormat !== "CSV" || typeof fileSchema !== "string" || !Array.isArray(files)) {
    throw readerFailure("The manifest must be that of an S3 inventory in the format CSV, with fileSchema and files.");
  }
  const headers = fileSchema.split(",").map((name) => name.trim());
  const Bucket = String(destinationBucket).replace(/^arn:[^:]*:s3:::/, "");
  for (const file of files) {
    const Key = (file as Fields)["key"] as Json;
    yield* eachPiece(objectTexts(reader, { Bucket, Key }), csvRows({ headerLocation: "GIVEN", headers }));
  }
}

async function* listObjects({ operations, signal }: ObjectReader, parameters: Fields): AsyncGenerator<Json[]> {
  for (let token: unknown; ; ) {
    const input = { ...parameters, ...(token === undefined ? {} : { ContinuationToken: token }) };
    const { output } = await operations.call("s3", "ListObjectsV2", input, { signal });
    const objects = (output["Contents"] ?? []) as { [name: string]: unknown }[];
    yield objects.map((object) => ({
      Etag: object["ETag"] as string,
      Key: object["Key"] as string,
      LastModified: Math.floor((object["LastModified"] as Date).getTime() / 1_000),
      Size: Number(object["Size"]),
      StorageClass: (object["StorageClass"] as string | undefined) ?? "STANDARD",
    }));
    token = output["NextContinuationToken"];
    if (token === undefined) return;
  }
}
