import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelManifest } from "../../ports/model-package.ts";

/*
 * A network small enough to write by hand, for tests: the mean colour of the picture, times a 3x2 matrix, through a softmax.
 * A red picture is of class 0, a blue one of class 1. ONNX files are protocol buffers: field number and kind, then the value.
 */

/**
 * Writes a package (model.json and model.onnx) into `folder`. `strength` tells two models apart by their answers; `batch` is
 * the network's first dimension.
 */
export function writeTinyModel(folder: string, strength = 4, batch: number | "N" = "N"): ModelManifest {
  const model = tinyNetwork({ strength, batch });
  const manifest: ModelManifest = {
    format: "scones.image-classifier/1",
    model: { file: "model.onnx", sha256: createHash("sha256").update(model).digest("hex") },
    input: { name: "image", width: 8, height: 8, mean: [0, 0, 0], deviation: [255, 255, 255] },
    output: { name: "probabilities", kind: "probabilities" },
    labels: ["red", "blue"],
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "model.onnx"), model);
  writeFileSync(join(folder, "model.json"), JSON.stringify(manifest));
  return manifest;
}

/** How other tools export the same network. */
export interface TinyForm {
  strength?: number;
  batch?: number | "N";
  layout?: "NCHW" | "NHWC";
  type?: "float32" | "uint8";
  output?: "logits" | "probabilities";
  side?: number | "S";
}

export function tinyNetwork(form: TinyForm = {}): Buffer {
  const { strength = 4, batch = "N", layout = "NCHW", type = "float32", output = "probabilities", side = "S" } = form;
  const weights = Buffer.alloc(24);
  [strength, -strength, 0, 0, -strength, strength].forEach((value, i) => {
    weights.writeFloatLE(value, i * 4);
  });
  const [axes, shape] =
    layout === "NCHW"
      ? [
          [2, 3],
          [batch, 3, side, side],
        ]
      : [
          [1, 2],
          [batch, side, side, 3],
        ];
  const graph = Buffer.concat([
    bytes(1, node("Cast", ["image"], "pixels", [int("to", elementTypes.float32)])),
    bytes(1, node("ReduceMean", ["pixels"], "mean", [ints("axes", axes as number[]), int("keepdims", 0)])),
    bytes(1, node("MatMul", ["mean", "weights"], "logits", [])),
    bytes(1, node("Softmax", ["logits"], "probabilities", [int("axis", 1)])),
    text(2, "tiny"),
    bytes(5, Buffer.concat([number(1, 3), number(1, 2), number(2, 1), text(8, "weights"), bytes(9, weights)])),
    bytes(11, value("image", shape as (number | string)[], elementTypes[type])),
    bytes(12, value(output, [batch, 2], elementTypes.float32)),
  ]);
  return Buffer.concat([number(1, 8), bytes(7, graph), bytes(8, Buffer.concat([text(1, ""), number(2, 17)]))]);
}

const elementTypes = { float32: 1, uint8: 2 } as const;

function node(operator: string, inputs: string[], output: string, attributes: Buffer[]): Buffer {
  return Buffer.concat([
    ...inputs.map((input) => text(1, input)),
    text(2, output),
    text(4, operator),
    ...attributes.map((attribute) => bytes(5, attribute)),
  ]);
}

function int(name: string, value: number): Buffer {
  return Buffer.concat([text(1, name), number(3, value), number(20, 2)]);
}

function ints(name: string, values: number[]): Buffer {
  return Buffer.concat([text(1, name), ...values.map((value) => number(8, value)), number(20, 7)]);
}

function value(name: string, dimensions: (number | string)[], elementType: number): Buffer {
  const shape = dimensions.map((size) => bytes(1, typeof size === "number" ? number(1, size) : text(2, size)));
  const tensor = Buffer.concat([number(1, elementType), bytes(2, Buffer.concat(shape))]);
  return Buffer.concat([text(1, name), bytes(2, bytes(1, tensor))]);
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
}

function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) out.push((rest & 127) | 128);
  return Buffer.from([...out, rest]);
}
