// Writes src/wire/models/<name>.json from the schema exports of the installed @aws-sdk/client-* packages, so that the
// product itself needs no AWS package at run time. The layout of those exports is documented only by their reader in
// @smithy/core (NormalizedSchema); versions are therefore pinned, and `--check` (run by a unit test) fails when what is
// installed no longer gives what is committed.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { services } from "./model-services.mjs";

const folder = join(import.meta.dirname, "..", "src", "wire", "models");
const isCheck = process.argv.includes("--check");

const simpleTypes = {
  0: "string", 1: "number", 2: "boolean", 4: "timestamp", 5: "date-time", 6: "http-date", 7: "epoch-seconds",
  15: "document", 17: "number", 19: "number", 21: "blob", 42: "streaming-blob",
}; // biome-ignore format: a table of codes
const traitBits = { 1: "httpLabel", 16: "httpPayload", 32: "httpResponseCode", 64: "httpQueryParams" };
// What a server acts upon. The rest (sensitive, mediaType, idempotent, hostLabel ...) is the clients' business.
const keptTraits = new Set([
  ...Object.values(traitBits),
  ...["httpHeader", "httpQuery", "httpPrefixHeaders", "xmlName", "xmlFlattened", "xmlNamespace", "xmlAttribute"],
  ...["error", "httpError", "awsQueryError", "endpoint", "streaming", "eventPayload", "eventHeader", "http"],
]);
const protocols = {
  AwsJson1_0Protocol: "json", AwsJson1_1Protocol: "json", AwsQueryProtocol: "query",
  AwsRestJsonProtocol: "restJson", S3RestXmlProtocol: "restXml", AwsRestXmlProtocol: "restXml",
}; // biome-ignore format: a table of names

const different = [];
mkdirSync(folder, { recursive: true });
for (const [name, { client, operations }] of Object.entries(services)) {
  const text = render(await extract(name, client, operations));
  const path = join(folder, `${name}.json`);
  if (!isCheck) writeFileSync(path, text);
  else if (readOrNothing(path) !== text) different.push(path);
}
if (different.length > 0) {
  console.error(`these models differ from what the installed packages say: ${different.join(", ")}`);
  console.error("run: node scripts/extract-models.mjs");
  process.exit(1);
}
console.log(`${Object.keys(services).length} models ${isCheck ? "are as committed" : "written"}`);

async function extract(name, client, wanted) {
  const exports = await import(client);
  const settings = settingsOf(client, exports);
  const all = Object.fromEntries(
    Object.values(exports)
      .filter((value) => Array.isArray(value) && value[0] === 9)
      .map((value) => [value[2], value]),
  );
  const chosen = wanted === "all" ? Object.keys(all) : wanted;
  const unknown = chosen.filter((operation) => all[operation] === undefined);
  if (unknown.length > 0) throw new Error(`${client} has no operation ${unknown.join(", ")}`);
  const shapes = new Map();
  const model = { name, ...settings, operations: {}, absent: {}, errors: {}, shapes: {} };
  for (const operation of chosen.sort()) {
    const [, , , traits, input, output] = all[operation];
    const { http, endpoint } = readTraits(traits);
    model.operations[operation] = {
      ...(http && { http }),
      ...(endpoint && { hostPrefix: endpoint[0] }),
      input: reference(input, shapes).type,
      output: reference(output, shapes).type,
    };
  }
  for (const [operation, [, , , traits]] of Object.entries(all).sort(byName)) {
    const { http } = readTraits(traits);
    if (http !== undefined && model.operations[operation] === undefined) model.absent[operation] = http.slice(0, 2);
  }
  const errors = Object.values(exports).filter((value) => Array.isArray(value) && value[0] === -3);
  for (const error of errors) {
    if (error[1].startsWith("smithy.ts.sdk.synthetic")) continue;
    const { httpError, awsQueryError, error: blame } = readTraits(error[3]);
    model.errors[error[2]] = {
      ...(httpError && { status: httpError }),
      ...(blame && { blame }),
      ...(awsQueryError && { queryCode: awsQueryError[0], queryStatus: awsQueryError[1] }),
      members: membersOf(error, shapes),
    };
  }
  model.errors = Object.fromEntries(Object.entries(model.errors).sort(byName));
  model.shapes = Object.fromEntries([...shapes].sort(byName));
  return model;
}

/** Protocol, target, version and XML namespace as the client configures itself. */
function settingsOf(client, exports) {
  const Client = Object.entries(exports).find(([name]) => /^[A-Z]\w*Client$/.test(name) && name !== "__Client")[1];
  const { protocol, protocolSettings, apiVersion } = new Client({ region: "us-east-1" }).config;
  const known = protocols[protocol.constructor.name];
  if (known === undefined)
    throw new Error(`${client} speaks ${protocol.constructor.name}, which the wire does not know`);
  return {
    protocol: known,
    target: protocolSettings.serviceTarget,
    version: apiVersion,
    ...(protocolSettings.xmlNamespace && { xmlNamespace: protocolSettings.xmlNamespace }),
    ...(protocolSettings.awsQueryCompatible && { isQueryCompatible: true }),
  };
}

/** A schema reference as `{ type, traits }`: type is a simple name, `[]` or `{}` of one, or `#Shape`. */
function reference(schema, shapes) {
  if (typeof schema === "function") return reference(schema(), shapes);
  if (schema === "unit") return { type: "unit", traits: {} };
  if (typeof schema === "number") return { type: simple(schema), traits: {} };
  if (schema.length === 2) {
    const target = reference(schema[0], shapes);
    // A member's own traits override those of what it points to.
    return { type: target.type, traits: { ...target.traits, ...readTraits(schema[1]) } };
  }
  const [kind, , name, traits] = schema;
  const ownTraits = readTraits(traits);
  if (kind === 0) {
    const target = reference(schema[4], shapes);
    return { type: target.type, traits: { ...target.traits, ...ownTraits } };
  }
  if (!shapes.has(name)) {
    shapes.set(name, undefined); // a recursive shape meets itself here
    shapes.set(name, shapeOf(schema, ownTraits, shapes));
  }
  return { type: `#${name}`, traits: {} };
}

function shapeOf(schema, traits, shapes) {
  const kept = Object.keys(traits).length > 0 && { traits };
  switch (schema[0]) {
    case 1:
      return { list: member(schema[4], shapes), ...kept };
    case 2:
      return { map: member(schema[5], shapes), key: member(schema[4], shapes), ...kept };
    case 3:
    case -3:
      return { members: membersOf(schema, shapes), ...kept };
    case 4:
      return { union: membersOf(schema, shapes), ...kept };
    default:
      throw new Error(`schema kind ${schema[0]} of ${schema[2]} is not known`);
  }
}

/** Each member as `type` or `[type, traits]`; a required one has `!` before its name. */
function membersOf([, , , , names, references, requiredCount = 0], shapes) {
  return Object.fromEntries(
    names.map((name, i) => [(i < requiredCount ? "!" : "") + name, member(references[i], shapes)]),
  );
}

function member(schema, shapes) {
  const { type, traits } = reference(schema, shapes);
  return Object.keys(traits).length === 0 ? type : [type, traits];
}

function simple(code) {
  if (code >= 128) return `{}${simple(code - 128)}`;
  if (code >= 64) return `[]${simple(code - 64)}`;
  const type = simpleTypes[code];
  if (type === undefined) throw new Error(`simple schema ${code} is not known`);
  return type;
}

function readTraits(traits) {
  if (typeof traits === "number") {
    const names = Object.entries(traitBits).filter(([bit]) => (traits & Number(bit)) !== 0);
    return Object.fromEntries(names.map(([, name]) => [name, 1]));
  }
  return Object.fromEntries(Object.entries(traits ?? {}).filter(([name]) => keptTraits.has(name)));
}

/** One line per operation and shape: small, and a change of the packages reads well as a difference. */
function render({ operations, absent, errors, shapes, ...settings }) {
  const lines = Object.entries(settings).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  for (const [key, table] of Object.entries({ operations, absent, errors, shapes })) {
    const rows = Object.entries(table).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
    lines.push(`${JSON.stringify(key)}: {${rows.length === 0 ? "" : `\n${rows.join(",\n")}\n`}}`);
  }
  return `{\n${lines.join(",\n")}\n}\n`;
}

function byName([one], [other]) {
  return one < other ? -1 : one > other ? 1 : 0;
}

function readOrNothing(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}
