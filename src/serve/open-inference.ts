import { encodePpm } from "../images/ppm.ts";
import { Fault } from "../kit/fault.ts";
import type { Models } from "../ports/models.ts";

/*
 * The Open Inference Protocol (version 2) in the words of an endpoint. One input holds the pictures: BYTES (encoded files; in
 * JSON as base64, in the binary extension as they are), or UINT8 or FP32 with the pixels of RGB pictures from 0 to 255,
 * [N, height, width, 3] or [N, 3, height, width]. The one output, `probabilities`, is FP32 [N, classes].
 */

export const serverMetadata = { name: "scones", version: "2", extensions: ["binary_tensor_data"] };

export function modelMetadata(name: string): object {
  return {
    name,
    versions: ["1"],
    platform: "scones_image_classifier",
    inputs: [{ name: "image", datatype: "BYTES", shape: [-1] }],
    outputs: [{ name: outputName, datatype: "FP32", shape: [-1, -1] }],
  };
}

const outputName = "probabilities";
/** Pictures of one request: they are asked side by side, and an endpoint's queue is bounded. */
const maxPictures = 128;

export interface InferenceBody {
  body: Buffer;
  /** Of the binary extension: how much of the body is JSON. */
  headerBytes: string | undefined;
}

export async function answerInference(
  models: Models,
  name: string,
  { body, headerBytes }: InferenceBody,
): Promise<object> {
  const jsonBytes = headerBytes === undefined ? body.length : Number(headerBytes);
  if (!(jsonBytes >= 0 && jsonBytes <= body.length))
    throw wrong("Inference-Header-Content-Length is not within the body");
  const asked = parse(body.subarray(0, jsonBytes));
  const pictures = picturesOf(asked, body.subarray(jsonBytes));
  const id = asked["id"];
  const rows = await Promise.all(
    pictures.map(async (picture) => {
      const answer = await models.invoke(name, {
        body: picture,
        contentType: "application/x-image",
        ...(typeof id === "string" && /^[\x20-\x7e]{1,64}$/.test(id) ? { inferenceId: id } : {}),
      });
      return JSON.parse(Buffer.from(answer.body).toString()) as number[];
    }),
  );
  return {
    model_name: name,
    model_version: "1",
    ...(id === undefined ? {} : { id }),
    outputs: [{ name: outputName, datatype: "FP32", shape: [rows.length, rows[0]?.length ?? 0], data: rows.flat() }],
  };
}

function picturesOf(asked: Record<string, unknown>, binary: Buffer): Uint8Array[] {
  const inputs = asked["inputs"];
  if (!Array.isArray(inputs) || inputs.length !== 1) throw wrong("inputs must hold exactly one tensor");
  const { datatype, shape, data, parameters } = inputs[0] as Record<string, unknown>;
  if (!Array.isArray(shape) || !shape.every((side) => Number.isInteger(side) && side > 0)) {
    throw wrong("shape must be a list of whole numbers above zero");
  }
  const count = shape[0] as number;
  if (count > maxPictures) throw wrong(`at most ${maxPictures} pictures are taken at once, not ${count}`);
  const binaryBytes = (parameters as { binary_data_size?: unknown } | undefined)?.binary_data_size;
  if (binaryBytes !== undefined && binaryBytes !== binary.length)
    throw wrong("binary_data_size is not what follows the JSON");
  switch (datatype) {
    case "BYTES": {
      const files = binaryBytes === undefined ? base64Files(data) : prefixedFiles(binary);
      if (files.length !== shape.reduce((product, side) => product * side, 1))
        throw wrong("shape and data do not agree");
      return files;
    }
    case "UINT8":
      return tensorPictures(binaryBytes === undefined ? numbers(data) : binary, shape);
    case "FP32":
      return tensorPictures(binaryBytes === undefined ? numbers(data) : floats(binary), shape);
    default:
      throw wrong(`datatype ${JSON.stringify(datatype)} is not taken; send BYTES, UINT8 or FP32`);
  }
}

function base64Files(data: unknown): Uint8Array[] {
  if (!Array.isArray(data) || !data.every((text) => typeof text === "string"))
    throw wrong("data must hold base64 texts");
  return data.map((text: string) => Buffer.from(text, "base64"));
}

/** Each with its length before it, four bytes, the low one first. */
function prefixedFiles(binary: Buffer): Uint8Array[] {
  const files: Uint8Array[] = [];
  for (let at = 0; at < binary.length; ) {
    const end = at + 4 <= binary.length ? at + 4 + binary.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    if (end > binary.length) throw wrong("an element of the binary data is longer than the data");
    files.push(binary.subarray(at + 4, end));
    at = end;
  }
  return files;
}

function numbers(data: unknown): ArrayLike<number> {
  const flat = Array.isArray(data) ? (data.flat(Number.POSITIVE_INFINITY) as unknown[]) : [];
  if (!flat.every((value) => typeof value === "number")) throw wrong("data must hold numbers");
  return flat as number[];
}

function floats(binary: Buffer): Float32Array {
  if (binary.length % 4 !== 0) throw wrong("the binary data does not hold whole floats");
  return new Float32Array(new Uint8Array(binary).buffer);
}

function tensorPictures(values: ArrayLike<number>, shape: readonly number[]): Uint8Array[] {
  const [count = 0, ...sides] = shape;
  const isPlanar = sides[0] === 3;
  const [height, width] = (isPlanar ? sides.slice(1) : sides) as [number, number];
  if (sides.length !== 3 || (!isPlanar && sides[2] !== 3))
    throw wrong("shape must be [N, height, width, 3] or [N, 3, height, width]");
  const size = height * width * 3;
  if (values.length !== count * size) throw wrong("shape and data do not agree");
  return Array.from({ length: count }, (_, n) => {
    const data = new Uint8Array(size);
    for (let i = 0; i < size; i++) {
      const from = isPlanar ? (i % 3) * height * width + Math.floor(i / 3) : i;
      const value = values[n * size + from] as number;
      if (!(value >= 0 && value <= 255)) throw wrong("pixels must be numbers from 0 to 255");
      data[i] = Math.round(value);
    }
    return encodePpm({ width, height, data });
  });
}

function parse(bytes: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (error) {
    throw wrong(`the request is not JSON: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong("the request must be a JSON object");
  return value as Record<string, unknown>;
}

function wrong(message: string): Fault {
  return new Fault("InvalidRequest", message, { status: 400 });
}
