import { type CapturedBody, type CaptureRecord, probabilitiesOf } from "./capture-record.ts";

export interface ParsedCaptures {
  /** In the order of the file. */
  records: CaptureRecord[];
  /** Lines that are no capture record; the others are read all the same. */
  problems: CaptureProblem[];
}

export interface CaptureProblem {
  file?: string;
  /** From 1. */
  line: number;
  message: string;
}

/** Reads EVERY line of a capture file. A line that cannot be read becomes a problem with its place, never an exception. */
export function parseCaptures(text: string, { file }: { file?: string } = {}): ParsedCaptures {
  const parsed: ParsedCaptures = { records: [], problems: [] };
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  lines.forEach((rawLine, i) => {
    const line = rawLine.trim();
    if (line === "") return;
    const place = { ...(file !== undefined && { file }), line: i + 1 };
    const record = recordIn(line);
    if (typeof record === "string") parsed.problems.push({ ...place, message: record });
    else parsed.records.push({ ...record, ...place });
  });
  return parsed;
}

/** Several files as one stream, in time order: what was captured in the same second keeps the order of files and lines. */
export function parseCaptureFiles(files: readonly { file: string; text: string }[]): ParsedCaptures {
  const parts = files.map(({ file, text }) => parseCaptures(text, { file }));
  return {
    records: parts.flatMap((part) => part.records).sort((a, b) => a.inferenceTimeMs - b.inferenceTimeMs),
    problems: parts.flatMap((part) => part.problems),
  };
}

/** The record, or the sentence that says why there is none. */
function recordIn(line: string): Omit<CaptureRecord, "file" | "line"> | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return `not JSON: ${(error as SyntaxError).message}`;
  }
  if (!isObject(value)) return "not a JSON object";
  const { captureData, eventMetadata } = value;
  if (!isObject(captureData)) return "captureData is missing";
  if (!isObject(eventMetadata)) return "eventMetadata is missing";
  const { eventId, inferenceTime, inferenceId, customAttributes } = eventMetadata;
  if (typeof eventId !== "string") return "eventMetadata.eventId is missing";
  const inferenceTimeMs = typeof inferenceTime === "string" ? Date.parse(inferenceTime) : Number.NaN;
  if (Number.isNaN(inferenceTimeMs)) return `eventMetadata.inferenceTime is no time: ${JSON.stringify(inferenceTime)}`;
  const input = bodyIn(captureData["endpointInput"]);
  const output = bodyIn(captureData["endpointOutput"] ?? captureData["batchTransformOutput"]);
  for (const body of [input, output]) if (typeof body === "string") return body;
  if (input === undefined && output === undefined) return "captureData has neither endpointInput nor endpointOutput";
  return {
    eventId,
    inferenceTime: inferenceTime as string,
    inferenceTimeMs,
    ...(typeof inferenceId === "string" && { inferenceId }),
    ...(Array.isArray(customAttributes) && { customAttributes: customAttributes.map(String) }),
    ...(input !== undefined && { input: input as CapturedBody }),
    ...(output !== undefined && { output: output as CapturedBody, ...prediction(output as CapturedBody) }),
  };
}

function bodyIn(value: unknown): CapturedBody | string | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value) || typeof value["data"] !== "string") return "captured data is missing or is not text";
  const encoding = value["encoding"];
  if (encoding !== "CSV" && encoding !== "JSON" && encoding !== "BASE64") {
    return `unknown encoding ${JSON.stringify(encoding)}: expected CSV, JSON or BASE64`;
  }
  const contentType = value["observedContentType"];
  return { contentType: typeof contentType === "string" ? contentType : "", encoding, data: value["data"] };
}

function prediction(output: CapturedBody): Pick<CaptureRecord, "probabilities" | "predictedLabel" | "confidence"> {
  const probabilities = probabilitiesOf(output);
  if (probabilities === undefined) return {};
  const predictedLabel = probabilities.reduce(
    (best, value, i) => (value > (probabilities[best] as number) ? i : best),
    0,
  );
  return { probabilities, predictedLabel, confidence: probabilities[predictedLabel] as number };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
