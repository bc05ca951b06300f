import type { S3DataSource } from "@aws-sdk/client-sagemaker";
import type { Blobs } from "../../ports/blobs.ts";
import type { LabelReader } from "./manifest-labels.ts";
import { readWhole } from "./read-object.ts";
import { parseS3Uri } from "./resource-names.ts";
import { type InputObject, maxManifestBytes } from "./transform-inputs.ts";
import { RecordError } from "./transform-split.ts";

/** An object with what it shows, as a `.lst` file has it. */
export interface LabelledObject extends InputObject {
  labels: number[];
  /** Of the classes that the line names. */
  classNames: Record<number, string>;
}

/**
 * The objects of an augmented manifest, which SageMaker Ground Truth writes: one JSON object per line, such as
 * `{"source-ref": "s3://bucket/a.png", "class": 0, "class-metadata": {"class-name": "bicycle"}}`. The first of `AttributeNames` names the
 * object, the second one its class or classes. Throws `RecordError` for a line that says neither.
 */
export async function* labelledObjects(
  { S3Uri = "", AttributeNames: [reference = "", label = ""] = [] }: Partial<S3DataSource>,
  { blobs, labelsOf }: { blobs: Blobs; labelsOf: LabelReader },
): AsyncGenerator<LabelledObject> {
  const text = await readWhole(blobs, S3Uri, maxManifestBytes);
  if (text === undefined) throw new RecordError(`The manifest ${S3Uri} could not be found.`);
  for (const [index, line] of text.toString("utf8").split("\n").entries()) {
    if (line.trim() === "") continue;
    const where = `Line ${index + 1} of the augmented manifest ${S3Uri}`;
    const record = recordOf(line, where);
    const source = record[reference];
    if (typeof source !== "string" || !/^s3:\/\/[^/]+\/./.test(source)) {
      throw new RecordError(`${where} has no address s3://bucket/key in "${reference}".`);
    }
    const labels = labelsOf(record[label]);
    if (labels === undefined) throw new RecordError(`${where} has no ${labelsOf.what} in "${label}".`);
    const { bucket, key } = parseS3Uri(source);
    yield {
      key: `${bucket}/${key}`,
      // Two lines may name one object, and two objects may have one name.
      name: `${index + 1}-${key.slice(key.lastIndexOf("/") + 1)}`,
      labels,
      classNames: classNamesIn(record[`${label}-metadata`], labels),
    };
  }
}

/** Ground Truth names the class of a picture, or in a map those of its classes. */
function classNamesIn(metadata: unknown, [label = 0]: number[]): Record<number, string> {
  const { "class-name": name, "class-map": map } = (metadata ?? {}) as {
    "class-name"?: unknown;
    "class-map"?: unknown;
  };
  if (typeof name === "string") return { [label]: name };
  if (typeof map !== "object" || map === null) return {};
  const isName = ([id, one]: [string, unknown]) => /^\d{1,5}$/.test(id) && typeof one === "string";
  return Object.fromEntries(Object.entries(map).filter(isName));
}

function recordOf(line: string, where: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // falls through to the refusal
  }
  throw new RecordError(`${where} is not a JSON object.`);
}
