// The form-encoded requests of the query protocol: `Name.member.1.Key=value`, flattened as `Name.1.Key=value`.
import { Fault } from "../kit/fault.ts";
import { define } from "./json-codec.ts";
import type { Member, Shape } from "./model.ts";
import { readTimestamp } from "./timestamps.ts";

/** More parameters than this are refused before anything is built of them: the largest AWS batch has about 1,000. */
const maxParameters = 10_000;

interface Node {
  value?: string;
  children: Map<string, Node>;
}

/** A form as a tree by its dotted names. */
export function parseForm(text: string): Node {
  const root: Node = { children: new Map() };
  let count = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    count++;
    if (count > maxParameters) throw new Fault("MalformedInput", `more than ${maxParameters} parameters`);
    let node = root;
    for (const part of name.split(".", 32)) {
      let child = node.children.get(part);
      if (child === undefined) {
        child = { children: new Map() };
        node.children.set(part, child);
      }
      node = child;
    }
    node.value = value;
  }
  return root;
}

export function decodeQuery(members: readonly Member[], node: Node): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const member of members) {
    // A flattened list is named by its elements' name where it has one (SQS: `AttributeName.1`).
    const child = childOf(node, member.traits.xmlName) ?? childOf(node, member.name);
    if (child === undefined) continue;
    const value = decodeNode(member, child, member.name);
    if (value !== undefined) decoded[member.name] = value;
  }
  return decoded;
}

function childOf(node: Node, name: string | undefined): Node | undefined {
  return name === undefined ? undefined : node.children.get(name);
}

function decodeNode(member: Member, node: Node, path: string): unknown {
  const { shape } = member;
  switch (shape.kind) {
    case "structure":
      return decodeQuery(shape.members, node);
    case "list": {
      // An empty list is sent as the bare name. Old and new clients disagree about flattening, so both forms are read.
      const holder = node.children.get(shape.element.traits.xmlName ?? "member") ?? node.children.get("member") ?? node;
      return numbered(holder).map((one, i) => decodeNode(shape.element, one, `${path}.${i + 1}`));
    }
    case "map": {
      const decoded: Record<string, unknown> = {};
      for (const [i, entry] of numbered(node.children.get("entry") ?? node).entries()) {
        const key = (childOf(entry, shape.key.traits.xmlName) ?? childOf(entry, "key") ?? childOf(entry, "Name"))
          ?.value;
        const value = childOf(entry, shape.value.traits.xmlName) ?? childOf(entry, "value") ?? childOf(entry, "Value");
        if (key === undefined || value === undefined) {
          throw new Fault("MalformedInput", `${path}.${i + 1} needs a key and a value`);
        }
        define(decoded, key, decodeNode(shape.value, value, `${path}.${key}`));
      }
      return decoded;
    }
    default:
      return node.value === undefined ? undefined : decodeText(shape, node.value, path);
  }
}

function numbered(node: Node): Node[] {
  return [...node.children]
    .filter(([name]) => /^\d+$/.test(name))
    .sort(([one], [other]) => Number(one) - Number(other))
    .map(([, child]) => child);
}

/** A simple value written as text: in forms, XML, headers, labels and query strings. */
export function decodeText(shape: Shape, text: string, path: string): unknown {
  switch (shape.kind) {
    case "string":
      return text;
    case "number": {
      const number = text === "" ? Number.NaN : Number(text);
      if (Number.isNaN(number) && text !== "NaN") {
        throw new Fault("SerializationException", `${path}: ${JSON.stringify(text)} is not a number`);
      }
      return number;
    }
    case "boolean":
      if (/^true$/i.test(text)) return true;
      if (/^false$/i.test(text)) return false;
      throw new Fault("SerializationException", `${path}: ${JSON.stringify(text)} is neither true nor false`);
    case "blob":
    case "streaming-blob":
      return Buffer.from(text, "base64");
    case "structure":
    case "list":
    case "map":
    case "document":
      throw new Fault("SerializationException", `${path} cannot be written as text`);
    default:
      return readTimestamp(text, path);
  }
}
