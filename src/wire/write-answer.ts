// From the output of an operation, or from a fault, to an HTTP answer, in each protocol.
import { Readable } from "node:stream";
import type { Fault } from "../kit/fault.ts";
import { encodeCbor } from "./cbor-codec.ts";
import { encodeEvents } from "./event-stream.ts";
import { bindingsOf, encodeHead } from "./http-bindings.ts";
import { bytesOf } from "./json-codec.ts";
import { jsonWriterOf } from "./json-writer.ts";
import { type ErrorShape, type Model, type Operation, type Structure, unitName } from "./model.ts";
import type { Dialect } from "./recognise.ts";
import { encodeXmlMembers, escapeXml } from "./xml-codec.ts";

export interface Answer {
  status: number;
  /** Lower case. */
  headers: Record<string, string>;
  /** Text is sent as UTF-8; its headers are ASCII. */
  body: string | Buffer | Readable;
}

export interface AnswerOptions {
  dialect: Dialect;
  requestId: string;
  /** Echoed by the JSON protocols: 1.0 or 1.1. */
  requestType: string | undefined;
}

const empty = Buffer.alloc(0);
const xmlDeclaration = '<?xml version="1.0" encoding="UTF-8"?>\n';

export function writeOutput(model: Model, operation: Operation, output: object, options: AnswerOptions): Answer {
  const members = output as Record<string, unknown>;
  switch (options.dialect) {
    case "json":
      return json(200, jsonWriterOf(operation.output)(members), jsonType(options));
    case "cbor":
      return cbor(200, encodeCbor(operation.output.members, members));
    case "query":
      return xml(200, queryResult(model, operation, members, options.requestId));
    default:
      return writeRest(model, operation, members, options);
  }
}

function writeRest(
  model: Model,
  operation: Operation,
  output: Record<string, unknown>,
  { dialect }: AnswerOptions,
): Answer {
  const { payload, body, head, writeBody } = bindingsOf(operation.output);
  const { headers, status } = encodeHead(head, output);
  const answer = { status: status ?? operation.http?.[2] ?? 200, headers, body: empty as Answer["body"] };
  // S3 answers a range of an object with 206, which the model cannot say.
  if (model.name === "s3" && answer.status === 200 && headers["content-range"] !== undefined) answer.status = 206;
  const isXml = dialect === "restXml";
  if (payload !== undefined) {
    const value = output[payload.name];
    const { shape } = payload;
    if (shape.kind === "structure" && shape.isEventStream) {
      headers["content-type"] = "application/vnd.amazon.eventstream";
      answer.body = Readable.from(encodeEvents(shape, value as AsyncIterable<Record<string, unknown>>), {
        objectMode: false,
      });
    } else if (value === undefined || value === null) return answer;
    else if (shape.kind === "structure") {
      headers["content-type"] = isXml ? "application/xml" : "application/json";
      const text = isXml
        ? rootElement(
            model,
            payload.traits.xmlName ?? shape.xmlName ?? shape.name,
            shape,
            value as Record<string, unknown>,
          )
        : jsonWriterOf(shape)(value);
      answer.body = text;
    } else {
      headers["content-type"] ??= shape.kind === "string" ? "text/plain" : "application/octet-stream";
      answer.body = value instanceof Readable ? value : bytesOf(value);
    }
    return answer;
  }
  if (body.length === 0) return answer;
  if (isXml) {
    headers["content-type"] = "application/xml";
    answer.body =
      operation.name === "GetBucketLocation"
        ? bucketLocation(model, output)
        : rootElement(model, operation.output.xmlName ?? operation.output.name, { members: body }, output);
  } else {
    headers["content-type"] = "application/json";
    answer.body = writeBody(output);
  }
  return answer;
}

function rootElement(
  model: Model,
  name: string,
  { members }: Pick<Structure, "members">,
  value: Record<string, unknown>,
): string {
  return `${xmlDeclaration}<${name} xmlns="${model.xmlNamespace}">${encodeXmlMembers(members, value)}</${name}>`;
}

/** The one answer whose root holds text: empty for us-east-1. */
function bucketLocation(model: Model, { LocationConstraint: place = "" }: Record<string, unknown>): string {
  return `${xmlDeclaration}<LocationConstraint xmlns="${model.xmlNamespace}">${escapeXml(String(place))}</LocationConstraint>`;
}

function queryResult(model: Model, operation: Operation, output: Record<string, unknown>, requestId: string): string {
  const { name } = operation;
  const inner = encodeXmlMembers(operation.output.members, output);
  // An output without members still has its element, and botocore insists on it; an operation without output has none.
  const result = operation.output.name === unitName ? "" : `<${name}Result>${inner}</${name}Result>`;
  const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
  return `<${name}Response xmlns="${namespaceOf(model)}">${result}${metadata}</${name}Response>`;
}

/** SQS no longer says in its model which namespace its query form had. */
function namespaceOf(model: Model | undefined): string {
  if (model?.xmlNamespace !== undefined) return model.xmlNamespace;
  return model?.name === "sqs"
    ? "http://queue.amazonaws.com/doc/2012-11-05/"
    : "http://webservices.amazon.com/AWSFault/2005-15-09";
}

/** The model is absent when the request was not understood so far. */
export function writeFault(model: Model | undefined, fault: Fault, options: AnswerOptions): Answer {
  const { dialect, requestId } = options;
  const error = errorOf(model, fault.code);
  const code = error?.name ?? fault.code;
  const status = error?.status ?? fault.status;
  const blame = error?.blame ?? (status >= 500 ? "server" : "client");
  const members = { ...fault.members, message: fault.message };
  switch (dialect) {
    case "query": {
      const queryCode = escapeXml(error?.queryCode ?? code);
      const type = blame === "server" ? "Receiver" : "Sender";
      const inner = `<Type>${type}</Type><Code>${queryCode}</Code><Message>${escapeXml(fault.message)}</Message>`;
      const text = `<ErrorResponse xmlns="${namespaceOf(model)}"><Error>${inner}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`;
      return xml(error?.queryStatus ?? status, text);
    }
    case "restXml": {
      const details = Object.entries(fault.members)
        .filter(([, value]) => typeof value === "string" || typeof value === "number")
        .map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`)
        .join("");
      const inner = `<Code>${escapeXml(code)}</Code><Message>${escapeXml(fault.message)}</Message>${details}`;
      const text = `${xmlDeclaration}<Error>${inner}<RequestId>${requestId}</RequestId><HostId>${requestId}</HostId></Error>`;
      const answer = xml(status, text);
      Object.assign(answer.headers, fault.headers);
      return answer;
    }
    case "cbor":
      return withQueryError(model, error, blame, cbor(status, cborFault(code, fault.message)));
    default: {
      const body: Record<string, unknown> = { __type: code, message: fault.message, Message: fault.message };
      // Lambda's clients look for whose fault it is.
      if (model?.name === "lambda") body["Type"] = blame === "server" ? "Service" : "User";
      if (error !== undefined) Object.assign(body, JSON.parse(jsonWriterOf(error.shape)(members)));
      const answer = json(status, JSON.stringify(body), dialect === "json" ? jsonType(options) : "application/json");
      answer.headers["x-amzn-errortype"] = headerSafe(code);
      return withQueryError(model, error, blame, answer);
    }
  }
}

/** By the name in the model or by the older one of the query protocols: handlers may throw either. */
function errorOf(model: Model | undefined, code: string): ErrorShape | undefined {
  if (model === undefined) return undefined;
  return model.errors.get(code) ?? [...model.errors.values()].find(({ queryCode }) => queryCode === code);
}

function withQueryError(
  model: Model | undefined,
  error: ErrorShape | undefined,
  blame: "client" | "server",
  answer: Answer,
): Answer {
  if (model?.isQueryCompatible && error?.queryCode !== undefined) {
    answer.headers["x-amzn-query-error"] = `${error.queryCode};${blame === "server" ? "Receiver" : "Sender"}`;
  }
  return answer;
}

function cborFault(code: string, message: string): Buffer {
  const string = { kind: "string" } as const;
  const members = ["__type", "message", "Message"].map((name) => ({
    name,
    shape: string,
    isRequired: true,
    traits: {},
  }));
  return encodeCbor(members, { __type: code, message, Message: message });
}

function json(status: number, text: string, type: string): Answer {
  return { status, headers: { "content-type": type }, body: text };
}

function cbor(status: number, body: Buffer): Answer {
  return { status, headers: { "content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor" }, body };
}

function xml(status: number, text: string): Answer {
  return { status, headers: { "content-type": "text/xml" }, body: text };
}

function jsonType({ requestType }: AnswerOptions): string {
  return requestType?.startsWith("application/x-amz-json") ? requestType : "application/x-amz-json-1.1";
}

function headerSafe(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
