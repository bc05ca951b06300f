// A service's model: its operations, shapes and errors as plain data, made by scripts/extract-models.mjs and linked here once.
// Everything that the wire does with a request or an answer is an interpretation of these values.
import { readFileSync } from "node:fs";

export interface Model {
  name: string;
  protocol: "json" | "query" | "restJson" | "restXml";
  /** The prefix of `X-Amz-Target`, and the service in the path of an RPC v2 request. */
  target: string;
  version: string;
  xmlNamespace: string | undefined;
  /** Once a query service: its JSON faults carry the old code in `x-amzn-query-error`. */
  isQueryCompatible: boolean;
  operations: ReadonlyMap<string, Operation>;
  /** Method and path of the REST operations that AWS has and this model leaves out, so that they can be named. */
  absent: ReadonlyMap<string, readonly [method: string, uri: string]>;
  errors: ReadonlyMap<string, ErrorShape>;
}

export interface Operation {
  name: string;
  http: readonly [method: string, uri: string, status: number] | undefined;
  hostPrefix: string | undefined;
  input: Structure;
  output: Structure;
}

export interface ErrorShape {
  name: string;
  status: number | undefined;
  blame: "client" | "server" | undefined;
  /** What the query protocols call it. */
  queryCode: string | undefined;
  queryStatus: number | undefined;
  shape: Structure;
}

export type Shape = Structure | List | MapShape | Simple;

export interface Structure {
  kind: "structure";
  name: string;
  isUnion: boolean;
  /** A union whose members arrive one by one as frames. */
  isEventStream: boolean;
  xmlName: string | undefined;
  members: readonly Member[];
  /** By model name. */
  byName: ReadonlyMap<string, Member>;
}

interface List {
  kind: "list";
  element: Member;
}

interface MapShape {
  kind: "map";
  key: Member;
  value: Member;
}

interface Simple {
  kind: "string" | "number" | "boolean" | "blob" | "streaming-blob" | "document" | TimestampKind;
}

/** `timestamp` leaves the format to the protocol. */
export type TimestampKind = "timestamp" | "date-time" | "http-date" | "epoch-seconds";

export interface Member {
  name: string;
  shape: Shape;
  isRequired: boolean;
  traits: Traits;
}

interface Traits {
  httpLabel?: 1;
  httpPayload?: 1;
  httpResponseCode?: 1;
  httpQueryParams?: 1;
  httpHeader?: string;
  httpQuery?: string;
  httpPrefixHeaders?: string;
  xmlName?: string;
  xmlFlattened?: 1;
  xmlNamespace?: [prefix: string, uri: string] | string;
  xmlAttribute?: 1;
  eventPayload?: 1;
  eventHeader?: 1;
  streaming?: 1;
}

/** Stands for the input or output of an operation that has none. */
export const unitName = "Unit";

const loaded = new Map<string, Model>();

/** The model of one service; read and linked at its first use. */
export function loadModel(name: string): Model {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const text = readFileSync(new URL(`./models/${name}.json`, import.meta.url), "utf8");
  const model = linkModel(JSON.parse(text) as ModelFile);
  loaded.set(name, model);
  return model;
}

type Reference = string | [type: string, traits: Traits];

interface ShapeFile {
  members?: Record<string, Reference>;
  union?: Record<string, Reference>;
  list?: Reference;
  map?: Reference;
  key?: Reference;
  traits?: Traits;
}

/** As written by scripts/extract-models.mjs. */
interface ModelFile {
  name: string;
  protocol: Model["protocol"];
  target: string;
  version: string;
  xmlNamespace?: string;
  isQueryCompatible?: boolean;
  operations: Record<string, { http?: [string, string, number]; hostPrefix?: string; input: string; output: string }>;
  absent: Record<string, [string, string]>;
  errors: Record<
    string,
    {
      status?: number;
      blame?: "client" | "server";
      queryCode?: string;
      queryStatus?: number;
      members: Record<string, Reference>;
    }
  >;
  shapes: Record<string, ShapeFile>;
}

function linkModel(file: ModelFile): Model {
  const shapes = new Map<string, Shape>();

  // Shapes may contain themselves: each is registered before its parts are looked at.
  function shapeOf(type: string): Shape {
    if (type.startsWith("[]")) return { kind: "list", element: member("member", type.slice(2)) };
    if (type.startsWith("{}")) {
      return { kind: "map", key: member("key", "string"), value: member("value", type.slice(2)) };
    }
    if (type === "unit") return structure(unitName, {}, {});
    if (!type.startsWith("#")) return { kind: type as Simple["kind"] };
    const name = type.slice(1);
    const known = shapes.get(name);
    if (known !== undefined) return known;
    const definition = file.shapes[name];
    if (definition === undefined) throw new Error(`model ${file.name} has no shape ${name}`);
    const { traits = {} } = definition;
    if (definition.list !== undefined) {
      const list = { kind: "list" } as List;
      shapes.set(name, list);
      list.element = member("member", definition.list);
      return list;
    }
    if (definition.map !== undefined) {
      const map = { kind: "map" } as MapShape;
      shapes.set(name, map);
      map.key = member("key", definition.key ?? "string");
      map.value = member("value", definition.map);
      return map;
    }
    return structure(name, definition, traits, (empty) => shapes.set(name, empty));
  }

  function structure(
    name: string,
    definition: ShapeFile,
    traits: Traits,
    register: (empty: Structure) => void = () => {},
  ): Structure {
    const members: Member[] = [];
    const byName = new Map<string, Member>();
    const isUnion = definition.union !== undefined;
    const isEventStream = isUnion && traits.streaming === 1;
    const made: Structure = {
      kind: "structure",
      name,
      isUnion,
      isEventStream,
      xmlName: traits.xmlName,
      members,
      byName,
    };
    register(made);
    for (const [marked, reference] of Object.entries(definition.members ?? definition.union ?? {})) {
      const one = member(marked, reference);
      members.push(one);
      byName.set(one.name, one);
    }
    return made;
  }

  function member(marked: string, reference: Reference): Member {
    const isRequired = marked.startsWith("!");
    const [type, traits] = typeof reference === "string" ? [reference, {}] : reference;
    return { name: isRequired ? marked.slice(1) : marked, shape: shapeOf(type), isRequired, traits };
  }

  function structureOf(type: string): Structure {
    const shape = shapeOf(type);
    if (shape.kind !== "structure") throw new Error(`model ${file.name}: ${type} is not a structure`);
    return shape;
  }

  const operations = Object.entries(file.operations).map(([name, { http, hostPrefix, input, output }]) => {
    return [name, { name, http, hostPrefix, input: structureOf(input), output: structureOf(output) }] as const;
  });
  const errors = Object.entries(file.errors).map(([name, { status, blame, queryCode, queryStatus, members }]) => {
    return [name, { name, status, blame, queryCode, queryStatus, shape: structure(name, { members }, {}) }] as const;
  });
  return {
    name: file.name,
    protocol: file.protocol,
    target: file.target,
    version: file.version,
    xmlNamespace: file.xmlNamespace,
    isQueryCompatible: file.isQueryCompatible === true,
    operations: new Map(operations),
    absent: new Map(Object.entries(file.absent)),
    errors: new Map(errors),
  };
}
