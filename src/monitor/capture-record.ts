/** One captured exchange with an endpoint. Either half may be absent: capture can be set to input or output alone. */
export interface CaptureRecord {
  eventId: string;
  /** As written, whole seconds UTC. */
  inferenceTime: string;
  inferenceTimeMs: number;
  inferenceId?: string;
  customAttributes?: string[];
  input?: CapturedBody;
  output?: CapturedBody;
  /** The output read as class probabilities, in label order; absent when it is something else. */
  probabilities?: number[];
  /** Position and value of the largest probability. */
  predictedLabel?: number;
  confidence?: number;
  /** Where it was read: file as the caller named it, line from 1. */
  file?: string;
  line: number;
}

export interface CapturedBody {
  contentType: string;
  encoding: "CSV" | "JSON" | "BASE64";
  /** As captured: text, or base64 where the encoding says so. */
  data: string;
}

/** The bytes that went over the wire. */
export function bytesOf(body: CapturedBody): Uint8Array {
  return Buffer.from(body.data, body.encoding === "BASE64" ? "base64" : "utf8");
}

/** Class probabilities in any spelling that classifiers answer with: a list, a nested list, CSV, or an object that holds one. */
export function probabilitiesOf(body: CapturedBody): number[] | undefined {
  const text = body.encoding === "BASE64" ? Buffer.from(body.data, "base64").toString("utf8") : body.data;
  if (body.encoding === "CSV")
    return numbersOrNothing(
      text
        .trim()
        .split(/[,\s]+/)
        .map(numberFromText),
    );
  try {
    return listIn(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whether the numbers are probabilities of classes that do not exclude each other: each is one, and they do not add up to 1. */
export function areOfSeveralClasses(probabilities: readonly number[]): boolean {
  const sum = probabilities.reduce((total, value) => total + value, 0);
  return Math.abs(sum - 1) > 0.01 && probabilities.every((value) => value >= 0 && value <= 1);
}

/** The classes that an answer names: the most probable one, or where several may be there, those that probably are. */
export function namedClasses(probabilities: readonly number[]): number[] {
  if (!areOfSeveralClasses(probabilities)) return [probabilities.indexOf(Math.max(...probabilities))];
  return [...probabilities.keys()].filter((k) => probabilities[k]! >= 0.5);
}

/** Members of an answer that hold class probabilities; the last one is that of AWS's algorithm in lines of JSON. */
export const probabilityMembers: readonly string[] = [
  "probabilities",
  "predictions",
  "outputs",
  "scores",
  "prediction",
];

function listIn(value: unknown, depth = 0): number[] | undefined {
  if (depth > 3) return undefined;
  if (Array.isArray(value)) return Array.isArray(value[0]) ? listIn(value[0], depth + 1) : numbersOrNothing(value);
  if (typeof value !== "object" || value === null) return undefined;
  for (const name of probabilityMembers) {
    if (name in value) return listIn((value as Record<string, unknown>)[name], depth + 1);
  }
  return undefined;
}

function numbersOrNothing(values: readonly unknown[]): number[] | undefined {
  const isList = values.length > 0 && values.every((value) => typeof value === "number" && Number.isFinite(value));
  return isList ? (values as number[]) : undefined;
}

function numberFromText(text: string): number {
  return text === "" ? Number.NaN : Number(text);
}
