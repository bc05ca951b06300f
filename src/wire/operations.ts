// The port `Operations`: any operation of any service, called in process and checked like a call from outside.
import { Readable } from "node:stream";
import { Fault } from "../kit/fault.ts";
import type { OperationAnswer, Operations } from "../ports/operations.ts";
import { readBody } from "./body.ts";
import { ownHandler, serve, UnknownOperation } from "./dispatch.ts";
import { bytesOf, define } from "./json-codec.ts";
import type { Model, Shape, Structure } from "./model.ts";
import type { Call, Service } from "./service.ts";
import { readTimestamp } from "./timestamps.ts";
import { validate } from "./validate.ts";

export interface OperationsDefaults {
  region: string;
  accountId: string;
  /** Where the same operations are reached from outside; asked for at each call, since the port may be any that is free. */
  baseUrl: () => string;
  uuid: () => string;
  /** A streamed answer, such as an object, is read whole for the caller up to here: 25 times what a state may carry. */
  maxBodyBytes?: number;
}

const defaultMaxBodyBytes = 6 * 2 ** 20;

export function operationsOf(services: readonly Service[], defaults: OperationsDefaults): Operations {
  const served = new Map(services.map((service) => [service.name, serve(service)]));
  const { maxBodyBytes = defaultMaxBodyBytes } = defaults;

  return {
    has: (service, operation) => ownHandler(served.get(service), operation) !== undefined,

    async call(serviceName, operationName, input, options = {}): Promise<OperationAnswer> {
      const service = served.get(serviceName);
      const operation = service?.model.operations.get(operationName);
      const handler = ownHandler(service, operationName);
      if (service === undefined || operation === undefined || handler === undefined) {
        throw new UnknownOperation(`${serviceName}.${operationName}`, "json");
      }
      const requestId = defaults.uuid();
      const given = readMembers(operation.input, input, "");
      validate(service.model, operation.input, given);
      const call: Call = {
        requestId,
        region: defaults.region,
        accountId: defaults.accountId,
        baseUrl: defaults.baseUrl(),
        signal: options.signal ?? new AbortController().signal,
      };
      try {
        const output = await handler(given, call);
        return { output: await writeMembers(operation.output, output, maxBodyBytes), requestId };
      } catch (error) {
        throw error instanceof Fault ? named(service.model, error) : error;
      }
    },
  };
}

/** Handlers may throw by the older names of the query protocols; callers in process catch the modelled ones. */
function named(model: Model, fault: Fault): Fault {
  const error = [...model.errors.values()].find(
    ({ name, queryCode }) => queryCode === fault.code && name !== fault.code,
  );
  if (error === undefined || model.errors.has(fault.code)) return fault;
  const { status, isRetryable, members } = fault;
  return new Fault(error.name, fault.message, { status, isRetryable, members, cause: fault });
}

/** Names begin with a capital here, whatever the model has (`ExecutionArn` for `executionArn`). */
function readMembers(shape: Structure, value: object, path: string): Record<string, unknown> {
  const given = new Map(Object.entries(value).map(([name, one]) => [upperFirst(name), one]));
  const read: Record<string, unknown> = {};
  for (const { name, shape: target } of shape.members) {
    const key = upperFirst(name);
    const one: unknown = given.get(key);
    given.delete(key);
    if (one !== undefined && one !== null) read[name] = readValue(target, one, path === "" ? key : `${path}.${key}`);
  }
  const [unknown] = given.keys();
  if (unknown !== undefined) {
    const known = shape.members.map(({ name }) => upperFirst(name)).join(", ");
    const where = path === "" ? "" : ` of ${path}`;
    throw new Fault("ValidationException", `there is no parameter "${unknown}"${where}; there are ${known || "none"}`);
  }
  return read;
}

/** Inputs come as JSON has them, or as our own code has them: text or bytes, text or dates. */
function readValue(shape: Shape, value: unknown, path: string): unknown {
  const wrong = (wanted: string) =>
    new Fault("SerializationException", `${path} must be ${wanted}, not ${typeof value}`);
  switch (shape.kind) {
    case "structure":
      if (typeof value !== "object" || Array.isArray(value)) throw wrong("an object");
      return readMembers(shape, value as object, path);
    case "list":
      if (!Array.isArray(value)) throw wrong("a list");
      return value.map((one, i) => (one === null ? null : readValue(shape.element.shape, one, `${path}[${i}]`)));
    case "map": {
      if (typeof value !== "object" || Array.isArray(value)) throw wrong("an object");
      const read: Record<string, unknown> = {};
      for (const [key, one] of Object.entries(value as object)) {
        define(read, key, readValue(shape.value.shape, one, `${path}.${key}`));
      }
      return read;
    }
    case "string":
      // As Step Functions does: JSON in the place of text is handed over as its text.
      if (typeof value === "string") return value;
      if (typeof value === "object") return JSON.stringify(value);
      throw wrong("a string");
    case "number":
    case "boolean":
      if (typeof value !== shape.kind) throw wrong(`a ${shape.kind}`);
      return value;
    case "blob":
      return blobOf(value);
    case "streaming-blob":
      return value instanceof Readable ? value : Readable.from([blobOf(value)]);
    case "document":
      return value;
    default:
      return readTimestamp(value, path);
  }
}

function blobOf(value: unknown): Buffer {
  if (typeof value === "string" || value instanceof Uint8Array) return bytesOf(value);
  return Buffer.from(JSON.stringify(value));
}

async function writeMembers(shape: Structure, value: object, maxBodyBytes: number): Promise<Record<string, unknown>> {
  const written: Record<string, unknown> = {};
  const members = value as Record<string, unknown>;
  for (const { name, shape: target } of shape.members) {
    const one = members[name];
    if (one === undefined || one === null) continue;
    const isStream = target.kind === "streaming-blob" && one instanceof Readable;
    written[upperFirst(name)] = isStream ? await readBody(one, maxBodyBytes) : writeValue(target, one);
  }
  return written;
}

function writeValue(shape: Shape, value: unknown): unknown {
  switch (shape.kind) {
    case "structure": {
      if (shape.isEventStream) return value;
      const written: Record<string, unknown> = {};
      for (const { name, shape: target } of shape.members) {
        const one = (value as Record<string, unknown>)[name];
        if (one !== undefined && one !== null) written[upperFirst(name)] = writeValue(target, one);
      }
      return written;
    }
    case "list":
      return (value as unknown[]).map((one) => writeValue(shape.element.shape, one));
    case "map": {
      const written: Record<string, unknown> = {};
      for (const [key, one] of Object.entries(value as object)) {
        if (one !== undefined) define(written, key, writeValue(shape.value.shape, one));
      }
      return written;
    }
    case "blob":
    case "streaming-blob":
      return bytesOf(value);
    default:
      return value;
  }
}

function upperFirst(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
