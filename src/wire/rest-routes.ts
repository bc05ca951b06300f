// Which REST operation a method, path and query mean. Patterns come from the model: `/2015-03-31/functions/{FunctionName}`,
// `/{Key+}?tagging`. Where several fit, the one that asks for more wins.
import { Fault } from "../kit/fault.ts";
import type { Model, Operation } from "./model.ts";

export interface Route {
  method: string;
  operationName: string;
  /** Absent where AWS has the operation and the model leaves it out. */
  operation: Operation | undefined;
  segments: readonly Segment[];
  query: readonly (readonly [name: string, value: string | undefined])[];
  headers: readonly string[];
  weight: number;
}

type Segment = { literal: string } | { label: string; isGreedy: boolean };

export interface RouteMatch {
  route: Route;
  labels: Record<string, string>;
}

// Members that the model does not mark and that alone tell two operations on one path apart.
const tellingHeaders: Record<string, readonly string[]> = {
  CopyObject: ["x-amz-copy-source"],
  UploadPartCopy: ["x-amz-copy-source"],
};

/** The routes of a service, those that fit best first. */
export interface Routes {
  all: readonly Route[];
  /** By method, those that ask for no query: the only ones for a request without any. */
  plain: ReadonlyMap<string, readonly Route[]>;
}

export function routesOf(model: Model): Routes {
  const present = [...model.operations.values()].flatMap((operation) => {
    return operation.http === undefined ? [] : [routeOf(operation.name, operation.http, operation)];
  });
  const absent = [...model.absent].map(([name, http]) => routeOf(name, http, undefined));
  const all = [...present, ...absent].sort((one, other) => other.weight - one.weight);
  const withoutQuery = all.filter((route) => route.query.length === 0);
  const methods = new Set(withoutQuery.map((route) => route.method));
  const ofMethod = (method: string) => withoutQuery.filter((route) => route.method === method);
  const plain = new Map([...methods].map((method) => [method, ofMethod(method)]));
  return { all, plain };
}

function routeOf(
  operationName: string,
  [method, uri]: readonly [string, string, ...unknown[]],
  operation: Operation | undefined,
): Route {
  const [path = "", queryText = ""] = uri.split("?", 2);
  const segments = path
    .split("/")
    .filter(Boolean)
    .map((part): Segment => {
      const label = /^\{([^}+]+)(\+)?\}$/.exec(part);
      return label ? { label: label[1] as string, isGreedy: label[2] !== undefined } : { literal: part };
    });
  const literalQuery = queryText.split("&").filter((part) => part !== "" && !part.startsWith("x-id="));
  const query = literalQuery.map((part): [string, string | undefined] => {
    const [name = "", value] = part.split("=", 2);
    return [name, value];
  });
  // A required query member tells as much as a literal one: UploadPart is PutObject with partNumber and uploadId.
  for (const member of operation?.input.members ?? []) {
    if (member.isRequired && member.traits.httpQuery !== undefined) query.push([member.traits.httpQuery, undefined]);
  }
  const headers = tellingHeaders[operationName] ?? [];
  const literals = segments.filter((segment) => "literal" in segment).length;
  const weight = literals * 100 + segments.length * 20 + query.length * 10 + headers.length;
  return { method, operationName, operation, segments, query, headers, weight };
}

export interface RestRequest {
  method: string;
  /** Still percent-encoded, without the query. */
  path: string;
  rawQuery: string;
  query: URLSearchParams;
  headers: Record<string, string | string[] | undefined>;
}

/** The `among` of S3 tells operations on a bucket from those on the account, which have the same patterns. */
export function findRoute(
  routes: Routes,
  request: RestRequest,
  among: (route: Route) => boolean = () => true,
): RouteMatch | undefined {
  const parts = request.path.split("/");
  const candidates = request.rawQuery === "" ? (routes.plain.get(request.method) ?? []) : routes.all;
  for (const route of candidates) {
    if (route.method !== request.method || !among(route)) continue;
    if (!route.query.every(([name, value]) => matchesQuery(request.query, name, value))) continue;
    if (!route.headers.every((name) => request.headers[name] !== undefined)) continue;
    const labels = matchPath(route.segments, parts);
    if (labels !== undefined) return { route, labels };
  }
  return undefined;
}

function matchesQuery(query: URLSearchParams, name: string, value: string | undefined): boolean {
  return value === undefined || value === "" ? query.has(name) : query.get(name) === value;
}

/** `parts` begins with the empty text before the first slash. */
function matchPath(segments: readonly Segment[], parts: readonly string[]): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  let at = 1;
  for (const segment of segments) {
    const part = parts[at];
    if (part === undefined) return undefined;
    if ("literal" in segment) {
      if (part !== segment.literal) return undefined;
      at++;
    } else if (segment.isGreedy) {
      const rest = parts.slice(at).join("/");
      if (rest === "") return undefined;
      labels[segment.label] = decodePath(rest);
      at = parts.length;
    } else {
      if (part === "") return undefined;
      labels[segment.label] = decodePath(part);
      at++;
    }
  }
  const rest = parts.slice(at);
  return rest.length === 0 || (rest.length === 1 && rest[0] === "") ? labels : undefined;
}

export function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new Fault("InvalidURI", `Couldn't parse the specified URI: ${text}`, { cause: error });
  }
}
