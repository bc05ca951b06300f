// CBOR (RFC 8949) as far as RPC v2 uses it: new clients of CloudWatch speak nothing else.
import { Fault } from "../kit/fault.ts";
import { bytesOf, define } from "./json-codec.ts";
import type { Member, Shape } from "./model.ts";

const maxDepth = 64;
const timestampTag = 1;
const breakMark = Symbol("break");

export function encodeCbor(members: readonly Member[], object: Record<string, unknown>): Buffer {
  const parts: Buffer[] = [];
  writeMembers(parts, members, object);
  return Buffer.concat(parts);
}

function writeMembers(parts: Buffer[], members: readonly Member[], object: Record<string, unknown>): void {
  const present = members.filter(({ name }) => object[name] !== undefined && object[name] !== null);
  parts.push(head(5, present.length));
  for (const { name, shape } of present) {
    writeText(parts, name);
    write(parts, shape, object[name]);
  }
}

function write(parts: Buffer[], shape: Shape, value: unknown): void {
  switch (shape.kind) {
    case "structure":
      writeMembers(parts, shape.members, value as Record<string, unknown>);
      break;
    case "list":
      parts.push(head(4, (value as unknown[]).length));
      for (const one of value as unknown[]) write(parts, shape.element.shape, one);
      break;
    case "map": {
      const entries = Object.entries(value as object).filter(([, one]) => one !== undefined && one !== null);
      parts.push(head(5, entries.length));
      for (const [key, one] of entries) {
        writeText(parts, key);
        write(parts, shape.value.shape, one);
      }
      break;
    }
    case "boolean":
      parts.push(Buffer.of(value ? 0xf5 : 0xf4));
      break;
    case "number":
      parts.push(number(value as number));
      break;
    case "blob":
    case "streaming-blob": {
      const bytes = bytesOf(value);
      parts.push(head(2, bytes.length), bytes);
      break;
    }
    case "string":
      writeText(parts, String(value));
      break;
    case "document":
      throw new Error("no modelled document travels as CBOR");
    default:
      if (!(value instanceof Date)) throw new Error(`a handler gave ${typeof value} where the model wants a Date`);
      parts.push(head(6, timestampTag), number(value.getTime() / 1000));
  }
}

function writeText(parts: Buffer[], text: string): void {
  const bytes = Buffer.from(text);
  parts.push(head(3, bytes.length), bytes);
}

function number(value: number): Buffer {
  if (Number.isSafeInteger(value) && Math.abs(value) < 2 ** 32) return value < 0 ? head(1, -1 - value) : head(0, value);
  const bytes = Buffer.alloc(9);
  bytes[0] = 0xfb;
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function head(major: number, length: number): Buffer {
  const type = major << 5;
  if (length < 24) return Buffer.of(type | length);
  if (length < 0x100) return Buffer.of(type | 24, length);
  if (length < 0x10000) return Buffer.of(type | 25, length >> 8, length & 0xff);
  const bytes = Buffer.alloc(5);
  bytes[0] = type | 26;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** Bytes as plain values: maps become objects, tag 1 becomes a Date. */
export function parseCbor(bytes: Buffer): unknown {
  let at = 0;
  const value = read(0);
  if (value === breakMark || at !== bytes.length) throw malformed();
  return value;

  function take(count: number): number {
    if (at + count > bytes.length) throw malformed();
    at += count;
    return at - count;
  }

  function read(depth: number): unknown {
    if (depth > maxDepth) throw malformed("nested too deeply");
    const first = bytes[take(1)] as number;
    const major = first >> 5;
    const detail = first & 31;
    if (major === 7) return readSimple(detail);
    if (detail === 31) return readIndefinite(major, depth);
    const length = readLength(detail);
    switch (major) {
      case 0:
        return length;
      case 1:
        return -1 - length;
      case 2:
        return bytes.subarray(take(length), at);
      case 3:
        return bytes.toString("utf8", take(length), at);
      case 4: {
        if (length > bytes.length - at) throw malformed();
        return Array.from({ length }, () => read(depth + 1));
      }
      case 5: {
        if (length > bytes.length - at) throw malformed();
        const map: Record<string, unknown> = {};
        for (let i = 0; i < length; i++) define(map, String(read(depth + 1)), read(depth + 1));
        return map;
      }
      default: {
        const tagged = read(depth + 1);
        if (length !== timestampTag) return tagged;
        if (typeof tagged !== "number") throw malformed("a timestamp must be a number");
        return new Date(tagged * 1000);
      }
    }
  }

  function readLength(detail: number): number {
    if (detail < 24) return detail;
    if (detail === 24) return bytes.readUInt8(take(1));
    if (detail === 25) return bytes.readUInt16BE(take(2));
    if (detail === 26) return bytes.readUInt32BE(take(4));
    if (detail === 27) return Number(bytes.readBigUInt64BE(take(8)));
    throw malformed();
  }

  function readSimple(detail: number): unknown {
    switch (detail) {
      case 20:
      case 21:
        return detail === 21;
      case 22:
      case 23:
        return null;
      case 25:
        return halfFloat(bytes.readUInt16BE(take(2)));
      case 26:
        return bytes.readFloatBE(take(4));
      case 27:
        return bytes.readDoubleBE(take(8));
      case 31:
        return breakMark;
      default:
        throw malformed();
    }
  }

  function readIndefinite(major: number, depth: number): unknown {
    const items: unknown[] = [];
    for (let item = read(depth + 1); item !== breakMark; item = read(depth + 1)) items.push(item);
    switch (major) {
      case 2:
        return Buffer.concat(items as Buffer[]);
      case 3:
        return items.join("");
      case 4:
        return items;
      case 5: {
        const map: Record<string, unknown> = {};
        for (let i = 0; i + 1 < items.length; i += 2) define(map, String(items[i]), items[i + 1]);
        return map;
      }
      default:
        throw malformed();
    }
  }
}

/** Parsed CBOR as the model reads it. */
export function decodeCbor(shape: Shape, value: unknown, path = ""): unknown {
  const wrong = () => new Fault("SerializationException", `${path || "the body"} must be a ${shape.kind}`);
  switch (shape.kind) {
    case "structure": {
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong();
      const decoded: Record<string, unknown> = {};
      for (const { name, shape: target } of shape.members) {
        const one = (value as Record<string, unknown>)[name];
        if (one !== undefined && one !== null) decoded[name] = decodeCbor(target, one, path ? `${path}.${name}` : name);
      }
      return decoded;
    }
    case "list":
      if (!Array.isArray(value)) throw wrong();
      return value.map((one, i) => decodeCbor(shape.element.shape, one, `${path}[${i}]`));
    case "map": {
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong();
      const decoded: Record<string, unknown> = {};
      for (const [key, one] of Object.entries(value)) {
        define(decoded, key, decodeCbor(shape.value.shape, one, `${path}.${key}`));
      }
      return decoded;
    }
    case "string":
    case "number":
    case "boolean":
      if (typeof value !== shape.kind) throw wrong();
      return value;
    case "blob":
    case "streaming-blob":
      if (!(value instanceof Uint8Array)) throw wrong();
      return value;
    case "document":
      return value;
    default:
      if (typeof value === "number") return new Date(value * 1000);
      if (!(value instanceof Date)) throw wrong();
      return value;
  }
}

function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function malformed(reason = "the bytes end or mean nothing"): Fault {
  return new Fault("SerializationException", `the body is not valid CBOR: ${reason}`);
}
