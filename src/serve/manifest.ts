import type { ModelManifest } from "../ports/model-package.ts";

/** Reads `model.json`; throws an error whose message names the first member that is wrong. */
export function parseManifest(text: string): ModelManifest {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch (error) {
    throw new Error(`model.json is not JSON: ${(error as Error).message}`, { cause: error });
  }
  const root = record(manifest, "model.json");
  if (root["format"] !== "scones.image-classifier/1") {
    throw wrong("format", root["format"], '"scones.image-classifier/1"');
  }
  const model = record(root["model"], "model");
  const input = record(root["input"], "input");
  const output = record(root["output"], "output");
  const file = textOf(model["file"], "model.file");
  if (file.includes("/") || file.includes("\\") || file.startsWith("."))
    throw wrong("model.file", file, "a plain file name");
  if (typeof model["sha256"] !== "string" || !/^[0-9a-f]{64}$/.test(model["sha256"])) {
    throw wrong("model.sha256", model["sha256"], "64 hexadecimal digits in lower case");
  }
  const kind = output["kind"];
  if (kind !== "probabilities" && kind !== "logits") throw wrong("output.kind", kind, '"probabilities" or "logits"');
  const labels = root["labels"];
  if (!Array.isArray(labels) || labels.length < 1 || !labels.every((label) => typeof label === "string")) {
    throw wrong("labels", labels, "a list of class names");
  }
  return {
    format: "scones.image-classifier/1",
    model: { file, sha256: model["sha256"] },
    input: {
      name: textOf(input["name"], "input.name"),
      width: size(input["width"], "input.width"),
      height: size(input["height"], "input.height"),
      ...(input["crop"] === undefined ? {} : { crop: crop(input["crop"]) }),
      ...layoutOf(input),
    },
    output: {
      name: textOf(output["name"], "output.name"),
      kind,
      temperature: temperature(output["temperature"]),
      ...(isTrue(output["isMultiLabel"], "output.isMultiLabel") && { isMultiLabel: true }),
    },
    labels,
    ...(root["provenance"] === undefined ? {} : { provenance: record(root["provenance"], "provenance") }),
  };
}

type InputLayout = Pick<ModelManifest["input"], "layout" | "channels" | "type" | "mean" | "deviation">;

function layoutOf(input: Record<string, unknown>): InputLayout {
  const layout = oneOf(input["layout"], "input.layout", ["NCHW", "NHWC"] as const);
  const channels = oneOf(input["channels"], "input.channels", ["RGB", "BGR", "grey"] as const);
  const type = oneOf(input["type"], "input.type", ["float32", "uint8"] as const);
  const count = channels === "grey" ? 1 : 3;
  // Bytes go in as they are, unless somebody says otherwise.
  const isPlain = type === "uint8" && input["mean"] === undefined && input["deviation"] === undefined;
  const numbers = (name: "mean" | "deviation", plain: number, isGood: (value: number) => boolean) =>
    isPlain ? new Array<number>(count).fill(plain) : list(input[name], { name: `input.${name}`, count, isGood });
  return {
    ...(layout && { layout }),
    ...(channels && { channels }),
    ...(type && { type }),
    mean: numbers("mean", 0, Number.isFinite),
    deviation: numbers("deviation", 1, (value) => Number.isFinite(value) && value > 0),
  };
}

function oneOf<T extends string>(value: unknown, name: string, known: readonly T[]): T | undefined {
  if (value === undefined || known.includes(value as T)) return value as T | undefined;
  throw wrong(name, value, known.join(" or "));
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(name, value, "an object");
  return value as Record<string, unknown>;
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== "string" || value === "") throw wrong(name, value, "a text");
  return value;
}

/** The largest side a network's input may have: 4096 x 4096 x 3 floats are 200 MB, more is a mistake. */
const maxSide = 4096;

function size(value: unknown, name: string): number {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > maxSide) {
    throw wrong(name, value, `a whole number from 1 to ${maxSide}`);
  }
  return value as number;
}

function crop(value: unknown): { height: number; width: number } {
  const { height, width } = record(value, "input.crop");
  const isShare = (share: unknown): share is number => typeof share === "number" && share > 0 && share <= 1;
  if (!isShare(height) || !isShare(width)) throw wrong("input.crop", value, "height and width above 0 and up to 1");
  return { height, width };
}

function list(
  value: unknown,
  { name, count, isGood }: { name: string; count: number; isGood: (number: number) => boolean },
): number[] {
  const isList = Array.isArray(value) && value.length === count && value.every((number) => typeof number === "number");
  const many = count === 1 ? "one number in a list" : "three numbers";
  if (!isList) throw wrong(name, value, many);
  if (!value.every(isGood)) throw wrong(name, value, `${many}, finite (deviations above zero)`);
  return value;
}

function temperature(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
    throw wrong("output.temperature", value, "a number above zero");
  }
  return value;
}

function isTrue(value: unknown, name: string): boolean {
  if (value !== undefined && typeof value !== "boolean") throw wrong(name, value, "true or false");
  return value === true;
}

function wrong(name: string, value: unknown, expected: string): Error {
  return new Error(`model.json: ${name} is ${JSON.stringify(value)?.slice(0, 100)}, expected ${expected}`);
}
