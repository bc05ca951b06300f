// Which handler answers a recognised request, and what is said when none does.
import { Fault } from "../kit/fault.ts";
import { loadModel, type Model, type Operation } from "./model.ts";
import { parseForm } from "./query-codec.ts";
import { bucketOfHost, type Dialect, type Recognised, versions } from "./recognise.ts";
import type { RequestHead } from "./request-head.ts";
import { decodePath, findRoute, type Route, type Routes, routesOf } from "./rest-routes.ts";
import type { Handler, Pages, Service } from "./service.ts";

export interface ServedService {
  model: Model;
  handlers: Record<string, Handler>;
  routes: Routes;
  pages: Pages | undefined;
}

/** An operation found, and what the path held. */
export interface Found {
  service: ServedService;
  operation: Operation;
  handler: Handler;
  labels: Record<string, string>;
}

/** A service with its model; a handler for an operation that is not in the model is our own mistake. */
export function serve({ name, handlers, pages }: Service): ServedService {
  const model = loadModel(name);
  const strange = Object.keys(handlers).filter((operation) => !model.operations.has(operation));
  if (strange.length > 0) {
    throw new Error(
      `the model of ${name} has no operation ${strange.join(", ")}: add it to scripts/model-services.mjs`,
    );
  }
  return { model, handlers, routes: routesOf(model), pages };
}

export class UnknownOperation extends Fault {
  readonly operation: string;

  constructor(operation: string, dialect: Dialect) {
    const message = `Scones does not answer ${operation}; COMPATIBILITY.md lists the operations that it has`;
    const { code, status } = unknownCode(dialect);
    super(code, message, { status, isRetryable: false });
    this.operation = operation;
  }
}

function unknownCode(dialect: Dialect): { code: string; status: number } {
  switch (dialect) {
    case "query":
      return { code: "InvalidAction", status: 400 };
    case "restXml":
      return { code: "NotImplemented", status: 501 };
    case "restJson":
      return { code: "UnknownOperationException", status: 404 };
    default:
      return { code: "UnknownOperationException", status: 400 };
  }
}

export function findOperation(
  services: ReadonlyMap<string, ServedService>,
  { service: name, dialect, calledService, operation: called }: Recognised,
  head: RequestHead,
): Found {
  const line = `${head.method} ${head.path}`;
  if (name === undefined) throw new UnknownOperation(`${calledService}.${called ?? line}`, dialect);
  const service = services.get(name);
  if (dialect === "restJson" || dialect === "restXml") {
    // A service that nobody serves still has a model, which names what was asked.
    return findRest(service ?? serve({ name, handlers: {} }), head, dialect);
  }
  const operation = called === undefined ? undefined : service?.model.operations.get(called);
  const handler = operation === undefined ? undefined : ownHandler(service, operation.name);
  if (service === undefined || operation === undefined || handler === undefined) {
    throw new UnknownOperation(`${name}.${called ?? line}`, dialect);
  }
  return { service, operation, handler, labels: {} };
}

function findRest(service: ServedService, head: RequestHead, dialect: Dialect): Found {
  const { name } = service.model;
  const isS3 = name === "s3";
  const { bucket, path } = isS3 ? splitBucket(head) : { bucket: undefined, path: head.path };
  const among = isS3 ? (bucket === undefined ? isOnAccount : isOnBucket) : undefined;
  const { method, rawQuery, query, headers } = head;
  const match = findRoute(service.routes, { method, path, rawQuery, query, headers }, among);
  if (match === undefined) throw new UnknownOperation(`${name}.${head.method} ${head.path}`, dialect);
  const { operation, operationName } = match.route;
  const handler = ownHandler(service, operationName);
  if (operation === undefined || handler === undefined) throw new UnknownOperation(`${name}.${operationName}`, dialect);
  const labels = bucket === undefined ? match.labels : { ...match.labels, Bucket: bucket };
  return { service, operation, handler, labels };
}

export function ownHandler(service: ServedService | undefined, operation: string): Handler | undefined {
  return service !== undefined && Object.hasOwn(service.handlers, operation) ? service.handlers[operation] : undefined;
}

/** Buckets are named by the host or by the first part of the path; the model's patterns begin after that. */
export function splitBucket(head: RequestHead): { bucket: string | undefined; path: string } {
  const fromHost = bucketOfHost(head.host);
  if (fromHost !== undefined) return { bucket: fromHost, path: head.path };
  const [, first = "", rest = "/"] = /^\/([^/]*)(\/.*)?$/s.exec(head.path) ?? [];
  return first === "" ? { bucket: undefined, path: "/" } : { bucket: decodePath(first), path: rest };
}

function isOnAccount(route: Route): boolean {
  return !isOnBucket(route);
}

function isOnBucket({ operation }: Route): boolean {
  return operation === undefined || operation.input.byName.get("Bucket")?.traits.httpLabel !== undefined;
}

/** The query protocol names its operation, and to unsigned callers its service, in the body. */
export function isNamedInBody({ dialect, operation }: Recognised, head: RequestHead): boolean {
  return dialect === "query" && operation === undefined && head.method === "POST";
}

export function nameFromBody(recognised: Recognised, body: Buffer): void {
  const { children } = parseForm(body.toString());
  recognised.operation = children.get("Action")?.value;
  recognised.service ??= versions.get(children.get("Version")?.value ?? "");
}
