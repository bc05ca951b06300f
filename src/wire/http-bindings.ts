// The members of REST operations that travel outside the body: labels, headers, query parameters, status.
import type { IncomingHttpHeaders } from "node:http";
import { define } from "./json-codec.ts";
import { type JsonWriter, membersWriter } from "./json-writer.ts";
import type { Member, Shape, Structure } from "./model.ts";
import { decodeText } from "./query-codec.ts";
import type { RouteMatch } from "./rest-routes.ts";
import { writeTimestamp } from "./timestamps.ts";

export interface HeadBindings {
  payload: Member | undefined;
  /** Those that make up the body when there is no payload member. */
  body: readonly Member[];
  writeBody: JsonWriter;
  head: readonly HeadMember[];
}

/** A member outside the body, with its place looked up once. */
export interface HeadMember extends Member {
  /** In lower case. */
  header: string | undefined;
}

const known = new WeakMap<Structure, HeadBindings>();

export function bindingsOf(shape: Structure): HeadBindings {
  let bindings = known.get(shape);
  if (bindings === undefined) {
    const inHead = shape.members.filter(({ traits }) => isInHead(traits));
    const head = inHead.map((member) => ({ ...member, header: member.traits.httpHeader?.toLowerCase() }));
    const payload = shape.members.find(({ traits }) => traits.httpPayload !== undefined);
    const body = payload === undefined ? shape.members.filter((member) => !inHead.includes(member)) : [];
    bindings = { payload, body, writeBody: membersWriter(body), head };
    known.set(shape, bindings);
  }
  return bindings;
}

function isInHead(traits: Member["traits"]): boolean {
  return (
    traits.httpLabel !== undefined ||
    traits.httpHeader !== undefined ||
    traits.httpQuery !== undefined ||
    traits.httpPrefixHeaders !== undefined ||
    traits.httpQueryParams !== undefined ||
    traits.httpResponseCode !== undefined
  );
}

export interface RequestHead {
  headers: IncomingHttpHeaders;
  query: URLSearchParams;
  labels: RouteMatch["labels"];
}

export function decodeHead(members: readonly HeadMember[], request: RequestHead): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const member of members) {
    const value = readMember(member, request);
    if (value !== undefined) decoded[member.name] = value;
  }
  return decoded;
}

function readMember({ name, shape, traits, header }: HeadMember, { headers, query, labels }: RequestHead): unknown {
  if (header !== undefined) {
    const text = headers[header];
    return text === undefined ? undefined : decodeHeader(shape, Array.isArray(text) ? text.join(",") : text, name);
  }
  if (traits.httpLabel) return labels[name] === undefined ? undefined : decodeText(shape, labels[name], name);
  if (traits.httpQuery !== undefined) {
    if (!query.has(traits.httpQuery)) return undefined;
    const texts = query.getAll(traits.httpQuery);
    if (shape.kind === "list") return texts.map((text) => decodeText(shape.element.shape, text, name));
    return decodeText(shape, texts[0] as string, name);
  }
  if (traits.httpPrefixHeaders !== undefined) return decodePrefixed(headers, traits.httpPrefixHeaders);
  if (traits.httpQueryParams !== undefined) return Object.fromEntries(query);
  return undefined;
}

function decodeHeader(shape: Shape, text: string, name: string): unknown {
  if (shape.kind !== "list") return decodeText(shape, text, name);
  return text.split(",").map((part) => decodeText(shape.element.shape, part.trim(), name));
}

function decodePrefixed(headers: IncomingHttpHeaders, prefix: string): Record<string, string> | undefined {
  const decoded: Record<string, string> = {};
  for (const [name, text] of Object.entries(headers)) {
    if (name.startsWith(prefix.toLowerCase())) define(decoded, name.slice(prefix.length), String(text));
  }
  return Object.keys(decoded).length === 0 ? undefined : decoded;
}

export interface ResponseHead {
  /** Names in lower case, each once: two Content-Length headers break botocore. */
  headers: Record<string, string>;
  status: number | undefined;
}

export function encodeHead(members: readonly HeadMember[], output: Record<string, unknown>): ResponseHead {
  const headers: Record<string, string> = {};
  let status: number | undefined;
  for (const { name, shape, traits, header } of members) {
    const value = output[name];
    if (value === undefined || value === null) continue;
    if (traits.httpResponseCode) status = value as number;
    else if (header !== undefined) {
      const text = encodeText(shape, value);
      if (text !== "") headers[header] = text;
    } else if (traits.httpPrefixHeaders !== undefined) {
      for (const [key, text] of Object.entries(value as Record<string, string>)) {
        const header = (traits.httpPrefixHeaders + key).toLowerCase();
        if (!/^[\w!#$%&'*+.^`|~-]+$/.test(header)) throw new Error(`${name} has a key that is no header: ${key}`);
        headers[header] = headerText(text);
      }
    }
  }
  return { headers, status };
}

function encodeText(shape: Shape, value: unknown): string {
  switch (shape.kind) {
    case "string":
    case "number":
    case "boolean":
      return headerText(String(value));
    case "list":
      return (value as unknown[]).map((one) => encodeText(shape.element.shape, one)).join(", ");
    case "timestamp":
    case "date-time":
    case "http-date":
    case "epoch-seconds":
      return String(writeTimestamp(value, shape.kind, "http-date"));
    default:
      throw new Error(`${shape.kind} cannot be written as a header`);
  }
}

/** Header bytes as they came: node reads and writes latin1, and clients put UTF-8 there. Line breaks cannot pass. */
function headerText(text: string): string {
  const isLatin = /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(text);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not pass
  return isLatin ? text : Buffer.from(text.replace(/[\u0000-\u0008\u000a-\u001f\u007f]/g, " ")).toString("latin1");
}
