// From a request to the input of its operation, in each protocol.
import type { Readable } from "node:stream";
import { Fault } from "../kit/fault.ts";
import { decodeCbor, parseCbor } from "./cbor-codec.ts";
import { bindingsOf, decodeHead } from "./http-bindings.ts";
import { decodeJson, decodeJsonMembers } from "./json-codec.ts";
import type { Operation } from "./model.ts";
import { decodeQuery, parseForm } from "./query-codec.ts";
import type { Dialect } from "./recognise.ts";
import type { RequestHead } from "./request-head.ts";
import { decodeXml } from "./xml-codec.ts";

export interface ParsedRequest {
  dialect: Dialect;
  head: RequestHead;
  /** What the path held. */
  labels: Record<string, string>;
  /** A stream only where the operation's payload is a streaming blob, and then only when it is not small. */
  body: Buffer | Readable;
}

export function parseInput(operation: Operation, request: ParsedRequest): Record<string, unknown> {
  const { dialect, head, labels, body } = request;
  if (dialect === "restJson" || dialect === "restXml") return parseRest(operation, request);
  if (!Buffer.isBuffer(body)) throw new Error(`${dialect} has no streaming bodies`);
  switch (dialect) {
    case "json":
      if (body.length === 0) return {};
      return decodeJson(operation.input, parseJson(body)) as Record<string, unknown>;
    case "cbor":
      if (body.length === 0) return {};
      return decodeCbor(operation.input, parseCbor(body)) as Record<string, unknown>;
    default: {
      const text = body.length === 0 ? head.rawQuery : body.toString();
      const input = decodeQuery(operation.input.members, parseForm(text));
      return { ...labels, ...input };
    }
  }
}

function parseRest(operation: Operation, { dialect, head, labels, body }: ParsedRequest): Record<string, unknown> {
  const bindings = bindingsOf(operation.input);
  const input = decodeHead(bindings.head, { headers: head.headers, query: head.query, labels });
  const { payload } = bindings;
  if (payload !== undefined) {
    const { kind } = payload.shape;
    if (kind === "streaming-blob") input[payload.name] = body;
    else if (!Buffer.isBuffer(body)) throw new Error(`${operation.name} has no streaming body`);
    else if (kind === "blob") {
      if (body.length > 0 || payload.isRequired) input[payload.name] = body;
    } else if (body.length > 0) {
      if (kind === "string") input[payload.name] = body.toString();
      else if (dialect === "restXml") input[payload.name] = decodeXml(payload.shape, body.toString());
      else input[payload.name] = decodeJson(payload.shape, parseJson(body), payload.name);
    }
    return input;
  }
  if (bindings.body.length === 0 || !Buffer.isBuffer(body) || body.length === 0) return input;
  if (dialect === "restXml") return { ...input, ...(decodeXml(operation.input, body.toString()) as object) };
  const value = parseJson(body);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Fault("SerializationException", "the body must be a JSON object");
  }
  return { ...input, ...decodeJsonMembers(bindings.body, value as Record<string, unknown>, "") };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new Fault("SerializationException", `the body is not JSON: ${(error as Error).message}`, { cause: error });
  }
}
