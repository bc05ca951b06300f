import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import type { Operations } from "../../../ports/operations.ts";
import type { ExecutionRecord } from "../../../ports/store.ts";
import { detailsOf } from "../execution-records.ts";
import { TaskFailure } from "../task-pool.ts";

type Fields = { [name: string]: Json };
type Transformation = "NONE" | "COMPACT" | "FLATTEN";

/** A file of results is cut when its text has grown to this length: it lies in memory until it is written. */
const maxFileLength = 16 * 2 ** 20;
const writerResource = /^arn:aws[^:]*:states:::s3:putObject$/;

export interface Writer {
  bucket: string;
  prefix: string;
  transformation: Transformation;
  outputType: "JSON" | "JSONL";
}

/** Where the results go; `undefined` when they are the state's output. */
export function writerOf(resultWriter: Json | undefined): Writer | undefined {
  const { Resource, Parameters, Arguments } = (resultWriter ?? {}) as Fields;
  if (Resource === undefined) return undefined;
  if (!writerResource.test(String(Resource))) throw writerFailure("Scones writes results by s3:putObject only.");
  const { Bucket, Prefix = "" } = (Parameters ?? Arguments ?? {}) as Fields;
  if (typeof Bucket !== "string" || typeof Prefix !== "string") throw writerFailure("Bucket and Prefix must be texts.");
  const outputType = writerConfig(resultWriter)["OutputType"] === "JSONL" ? "JSONL" : "JSON";
  return { bucket: Bucket, prefix: Prefix, transformation: transformationOf(resultWriter, "NONE"), outputType };
}

export function transformationOf(resultWriter: Json | undefined, otherwise: Transformation): Transformation {
  const { Transformation: given = otherwise } = writerConfig(resultWriter);
  if (given === "NONE" || given === "COMPACT" || given === "FLATTEN") return given;
  throw writerFailure(`Transformation cannot be '${String(given)}'.`);
}

function writerConfig(resultWriter: Json | undefined): Fields {
  return (((resultWriter ?? {}) as Fields)["WriterConfig"] ?? {}) as Fields;
}

/** What one child adds to the results. */
export function resultsOf(child: ExecutionRecord, transformation: Transformation): Json[] {
  if (transformation === "NONE") return [described(child)];
  const output = child.output === undefined ? null : (JSON.parse(child.output) as Json);
  return transformation === "FLATTEN" && Array.isArray(output) ? output : [output];
}

function described(child: ExecutionRecord): Json {
  const details = detailsOf(child);
  const hasFailed = child.status !== "SUCCEEDED";
  return {
    ExecutionArn: details.arn,
    Input: child.input,
    InputDetails: { Included: true },
    Name: details.name,
    ...(child.output === undefined ? {} : { Output: child.output }),
    OutputDetails: { Included: child.output !== undefined },
    ...(child.error === undefined ? {} : { Error: child.error }),
    ...(child.cause === undefined ? {} : { Cause: child.cause }),
    RedriveCount: child.redriveCount,
    RedriveStatus: hasFailed ? "REDRIVABLE" : "NOT_REDRIVABLE",
    ...(hasFailed ? {} : { RedriveStatusReason: "Execution is SUCCEEDED and cannot be redriven" }),
    StartDate: new Date(child.startedMs).toISOString(),
    StateMachineArn: details.machineArn,
    Status: child.status,
    ...(child.stoppedMs === undefined ? {} : { StopDate: new Date(child.stoppedMs).toISOString() }),
  };
}

/** Writes the files of results, then the manifest that names them; answers the state's output. */
export async function writeResults(
  operations: Operations,
  { writer, mapRunArn, children, pending, signal }: WriteRequest,
): Promise<Json> {
  const { bucket, outputType, transformation } = writer;
  const uuid = mapRunArn.slice(mapRunArn.lastIndexOf(":") + 1);
  const folder = `${writer.prefix === "" ? "" : `${writer.prefix.replace(/\/$/, "")}/`}${uuid}`;
  const put = (Key: string, text: string) =>
    operations.call("s3", "PutObject", { Bucket: bucket, Key, Body: Buffer.from(text) }, { signal });
  const files = { FAILED: [] as Json[], PENDING: [] as Json[], SUCCEEDED: [] as Json[] };
  const open = { FAILED: [] as string[], PENDING: [] as string[], SUCCEEDED: [] as string[] };
  const lengths = { FAILED: 0, PENDING: 0, SUCCEEDED: 0 };
  const write = async (kind: keyof typeof open): Promise<void> => {
    const texts = open[kind].splice(0);
    lengths[kind] = 0;
    if (texts.length === 0) return;
    const text = outputType === "JSONL" ? texts.map((line) => `${line}\n`).join("") : `[${texts.join(",")}]`;
    const Key = `${folder}/${kind}_${files[kind].length}.${outputType.toLowerCase()}`;
    await put(Key, text);
    files[kind].push({ Key, Size: Buffer.byteLength(text) });
  };
  const add = async (kind: keyof typeof open, result: Json): Promise<void> => {
    const text = JSON.stringify(result);
    open[kind].push(text);
    lengths[kind] += text.length;
    if (lengths[kind] >= maxFileLength) await write(kind);
  };
  try {
    for (const child of children()) {
      const kind = child.status === "SUCCEEDED" ? "SUCCEEDED" : "FAILED";
      for (const result of resultsOf(child, kind === "FAILED" ? "NONE" : transformation)) await add(kind, result);
    }
    for (const { input } of pending()) await add("PENDING", notStarted(input));
    await write("FAILED");
    await write("PENDING");
    await write("SUCCEEDED");
    const Key = `${folder}/manifest.json`;
    await put(Key, JSON.stringify({ DestinationBucket: bucket, MapRunArn: mapRunArn, ResultFiles: files }));
    return { MapRunArn: mapRunArn, ResultWriterDetails: { Bucket: bucket, Key } };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw writerFailure(`${error.message} (Service: S3, Status Code: ${error.status}, Error Code: ${error.code})`);
  }
}

/** A child that did not begin because the run failed. AWS documents the file, not its lines: these members are a guess. */
function notStarted(input: Json): Json {
  return { Input: JSON.stringify(input), InputDetails: { Included: true }, Status: "PENDING" };
}

export interface Child {
  input: Json;
}

export interface WriteRequest {
  writer: Writer;
  mapRunArn: string;
  /** Those that have ended, in the order of their items. */
  children: () => Iterable<ExecutionRecord>;
  /** Those that did not begin. */
  pending: () => Iterable<Child>;
  signal: AbortSignal;
}

function writerFailure(reason: string): TaskFailure {
  return new TaskFailure("States.ResultWriterFailed", reason);
}
