/** One inference as the endpoint saw it. */
export interface Exchange {
  input: Payload;
  output: Payload;
  inferenceId?: string;
  customAttributes?: string;
}

interface Payload {
  contentType: string;
  body: Uint8Array;
}

/** What of it is kept, and how: the parts of a DataCaptureConfig that shape a record. */
export interface CaptureShape {
  capturesInput: boolean;
  capturesOutput: boolean;
  /** Content types whose bytes are kept as text; all others are kept as base64. */
  csvContentTypes: readonly string[];
  jsonContentTypes: readonly string[];
}

/** The record as SageMaker writes it: compact JSON in this very key order, ended by a line feed. */
export function captureLine(
  exchange: Exchange,
  meta: { eventId: string; timeMs: number },
  shape: CaptureShape,
): string {
  const { input, output, inferenceId, customAttributes } = exchange;
  const put = shape.capturesInput ? `"endpointInput":${half(input, "INPUT", shape)}` : "";
  const got = shape.capturesOutput ? `"endpointOutput":${half(output, "OUTPUT", shape)}` : "";
  const both = put !== "" && got !== "" ? `${put},${got}` : put + got;
  const attributes = customAttributes === undefined ? "" : `"customAttributes":[${JSON.stringify(customAttributes)}],`;
  const inference = inferenceId === undefined ? "" : `"inferenceId":${JSON.stringify(inferenceId)},`;
  const metadata = `{"eventId":"${meta.eventId}",${attributes}${inference}"inferenceTime":"${secondOf(meta.timeMs)}"}`;
  return `{"captureData":{${both}},"eventMetadata":${metadata},"eventVersion":"0"}\n`;
}

let lastSecond = Number.NaN;
let lastText = "";

/** Such as `2026-11-20T08:00:00Z`: one text for the thousands of records of a second. */
function secondOf(timeMs: number): string {
  const second = Math.floor(timeMs / 1000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastText = `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
  }
  return lastText;
}

/** Put together by hand: base64 needs no escaping, and looking for what to escape costs more than writing it. */
function half({ contentType, body }: Payload, mode: "INPUT" | "OUTPUT", shape: CaptureShape): string {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const encoding = encodingOf(contentType, shape);
  const data = encoding === "BASE64" ? `"${bytes.toString("base64")}"` : JSON.stringify(bytes.toString("utf8"));
  return `{"observedContentType":${JSON.stringify(contentType)},"mode":"${mode}","data":${data},"encoding":"${encoding}"}`;
}

function encodingOf(contentType: string, shape: CaptureShape): "CSV" | "JSON" | "BASE64" {
  const essence = contentType.split(";", 1)[0]?.trim().toLowerCase() as string;
  const names = (types: readonly string[]) => types.some((type) => type.toLowerCase() === essence);
  if (names(shape.csvContentTypes)) return "CSV";
  return names(shape.jsonContentTypes) ? "JSON" : "BASE64";
}

/** `<destination>/<endpoint>/<variant>/yyyy/mm/dd/hh/MM-SS-mmm-<uuid>.jsonl`, by the time of the file's first record (UTC). */
export function captureKey(prefix: string, firstRecordMs: number, uuid: string): string {
  const [date, time] = new Date(firstRecordMs).toISOString().split("T") as [string, string];
  const [hour, minute, second] = time.split(":") as [string, string, string];
  const [seconds, milliseconds] = second.slice(0, -1).split(".") as [string, string];
  return `${prefix}/${date.replaceAll("-", "/")}/${hour}/${minute}-${seconds}-${milliseconds}-${uuid}.jsonl`;
}
