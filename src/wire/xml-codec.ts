// XML as S3 reads and writes it, and as the query protocol answers.
import { XMLParser } from "fast-xml-parser";
import { Fault } from "../kit/fault.ts";
import { bytesOf, define } from "./json-codec.ts";
import type { Member, Shape, Structure } from "./model.ts";
import { decodeText } from "./query-codec.ts";
import { writeTimestamp } from "./timestamps.ts";

/** The inside of an element for each member that has a value. */
export function encodeXmlMembers(members: readonly Member[], object: Record<string, unknown>): string {
  let text = "";
  for (const member of members) {
    const value = object[member.name];
    if (value === undefined || value === null || member.traits.xmlAttribute) continue;
    text += encodeMember(member, value);
  }
  return text;
}

function encodeMember(member: Member, value: unknown): string {
  const { shape, traits } = member;
  const name = traits.xmlName ?? member.name;
  if (shape.kind === "list") {
    const elementName = traits.xmlFlattened ? name : (shape.element.traits.xmlName ?? "member");
    const inner = (value as unknown[]).map((one) => element(elementName, shape.element, one)).join("");
    return traits.xmlFlattened ? inner : `<${name}>${inner}</${name}>`;
  }
  if (shape.kind === "map") {
    const key = shape.key.traits.xmlName ?? "key";
    const entryName = traits.xmlFlattened ? name : "entry";
    const inner = Object.entries(value as Record<string, unknown>)
      .filter(([, one]) => one !== undefined && one !== null)
      .map(([one, item]) => {
        const written = element(shape.value.traits.xmlName ?? "value", shape.value, item);
        return `<${entryName}><${key}>${escapeXml(one)}</${key}>${written}</${entryName}>`;
      })
      .join("");
    return traits.xmlFlattened ? inner : `<${name}>${inner}</${name}>`;
  }
  return element(name, member, value);
}

function element(name: string, member: Member, value: unknown): string {
  const { shape } = member;
  if (shape.kind === "structure") {
    const object = value as Record<string, unknown>;
    return `<${name}${namespaceOf(member)}${attributesOf(shape, object)}>${encodeXmlMembers(shape.members, object)}</${name}>`;
  }
  if (shape.kind === "list" || shape.kind === "map")
    return encodeMember({ ...member, name, traits: { xmlName: name } }, value);
  return `<${name}>${encodeSimple(shape, value)}</${name}>`;
}

function encodeSimple(shape: Shape, value: unknown): string {
  switch (shape.kind) {
    case "string":
    case "number":
    case "boolean":
      return escapeXml(String(value));
    case "blob":
    case "streaming-blob":
      return bytesOf(value).toString("base64");
    case "structure":
    case "list":
    case "map":
    case "document":
      throw new Error(`${shape.kind} is not a simple value`);
    default:
      return String(writeTimestamp(value, shape.kind, "date-time"));
  }
}

function namespaceOf({ traits: { xmlNamespace } }: Member): string {
  if (xmlNamespace === undefined) return "";
  if (typeof xmlNamespace === "string") return ` xmlns="${xmlNamespace}"`;
  return ` xmlns:${xmlNamespace[0]}="${xmlNamespace[1]}"`;
}

function attributesOf(shape: Structure, object: Record<string, unknown>): string {
  return shape.members
    .filter(({ name, traits }) => traits.xmlAttribute && object[name] !== undefined)
    .map(({ name, traits }) => ` ${traits.xmlName ?? name}="${escapeXml(String(object[name]))}"`)
    .join("");
}

/** Control characters travel as references, which is the only way that a key with a line break survives XML. */
export function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must be escaped
  return text.replace(/[&<>"'\u0000-\u001f\u0085\u2028]/g, (character) => {
    return escapes[character] ?? `&#x${character.charCodeAt(0).toString(16)};`;
  });
}

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };

const textName = "#text";
const attributePrefix = "@";
let parser: XMLParser | undefined;

/** A request's XML body as the members of `shape`, whatever the root element is called. */
export function decodeXml(shape: Shape, text: string): unknown {
  // No request of ours has a document type; entities defined there are how small documents become large ones.
  if (/<!DOCTYPE/i.test(text)) throw malformed("a document type is not accepted");
  parser ??= new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: attributePrefix,
    textNodeName: textName,
    alwaysCreateTextNode: true,
    parseTagValue: false,
    trimValues: false,
    htmlEntities: true,
    ignoreDeclaration: true,
  });
  let document: Record<string, unknown>;
  try {
    document = parser.parse(text, true) as Record<string, unknown>;
  } catch (error) {
    throw malformed((error as Error).message);
  }
  const [root] = Object.entries(document).filter(([name]) => name !== textName && !name.startsWith("?"));
  if (root === undefined) throw malformed("there is no root element");
  return decodeElement({ name: root[0], shape, isRequired: true, traits: {} }, root[1], root[0]);
}

function decodeElement(member: Member, node: unknown, path: string): unknown {
  const { shape } = member;
  switch (shape.kind) {
    case "structure": {
      const object = objectOf(node, path);
      const decoded: Record<string, unknown> = {};
      for (const one of shape.members) {
        const name = one.traits.xmlName ?? one.name;
        const child = one.traits.xmlAttribute ? object[attributePrefix + name] : object[name];
        if (child !== undefined) decoded[one.name] = decodeElement(one, child, `${path}.${one.name}`);
      }
      return decoded;
    }
    case "list": {
      const holder = member.traits.xmlFlattened ? node : objectOf(node, path)[shape.element.traits.xmlName ?? "member"];
      const children = holder === undefined ? [] : Array.isArray(holder) ? holder : [holder];
      return children.map((child, i) => decodeElement(shape.element, child, `${path}.${i + 1}`));
    }
    case "map": {
      const holder = member.traits.xmlFlattened ? node : objectOf(node, path)["entry"];
      const decoded: Record<string, unknown> = {};
      for (const child of holder === undefined ? [] : Array.isArray(holder) ? holder : [holder]) {
        const entry = objectOf(child, path);
        const key = textOf(entry[shape.key.traits.xmlName ?? "key"], path);
        define(
          decoded,
          key,
          decodeElement(shape.value, entry[shape.value.traits.xmlName ?? "value"], `${path}.${key}`),
        );
      }
      return decoded;
    }
    default:
      try {
        return decodeText(shape, textOf(node, path), path);
      } catch (error) {
        if (error instanceof Fault) throw malformed(error.message);
        throw error;
      }
  }
}

function objectOf(node: unknown, path: string): Record<string, unknown> {
  if (typeof node !== "object" || node === null || Array.isArray(node)) throw malformed(`${path} must appear once`);
  return node as Record<string, unknown>;
}

function textOf(node: unknown, path: string): string {
  if (typeof node === "string") return node;
  const text = objectOf(node, path)[textName];
  if (typeof text !== "string") throw malformed(`${path} must be text`);
  return text;
}

function malformed(reason: string): Fault {
  return new Fault(
    "MalformedXML",
    `The XML you provided was not well-formed or did not validate against our published schema: ${reason}`,
  );
}
