// What happens to requests on their way through broken clients and hostile hands.
import { gzipSync } from "node:zlib";
import type { RawRequest } from "./recorded-requests.ts";

/** Numbers in [0, 1), the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Sent {
  bytes: Buffer;
  /** What was done to it, for whoever reads that it failed. */
  mutations: string[];
}

type Random = () => number;
type Mutation = (request: RawRequest, random: Random) => RawRequest;

/** A request with up to three things wrong with it, as bytes for the socket. */
export function mutated(request: RawRequest, random: Random): Sent {
  const names = Object.keys(mutations);
  const chosen = Array.from({ length: Math.floor(random() * 4) }, () => pick(names, random));
  const changed = chosen.reduce((one, name) => (mutations[name] as Mutation)(one, random), request);
  return { bytes: framed(changed, random), mutations: chosen };
}

const junk = [
  "", "\u0000", "%00", "%zz", "%", "../../../etc/passwd", "__proto__", "constructor", "null", "NaN", "-1", "1e999",
  "9".repeat(400), "0x10", "a".repeat(9000), "🙂", "\u202e", "é", "<>&\"'", "{}", "[]", "true", "'; DROP TABLE blobs; --",
  "arn:aws:::::", "s3://", "s3:///", "bytes=-", "bytes=0-0,2-3", "bytes=9999999999999999999-", "*", '"', "AWS4-HMAC-SHA256",
  "Thu, 32 Foo 2026", "20261399T999999Z", "aws-chunked", "gzip", "#{jndi:ldap://x}", "$.a[?(@)]", "{% $states %}",
]; // biome-ignore format: a table
const hosts = [
  "evil.example",
  "localhost",
  "b.localhost",
  "169.254.169.254",
  "[::1]",
  "states.us-east-1.amazonaws.com",
  ":",
  "..",
];
const values: unknown[] = [
  null, true, -1, 0, 1.5, 1e308, -1e308, 2 ** 53 + 2, "", "x", "\u0000", [], {}, [[]], [null], { a: { b: {} } }, "a".repeat(70_000),
]; // biome-ignore format: a table

const mutations: Record<string, Mutation> = {
  "bytes of the body flipped": (request, random) => {
    const body = Buffer.from(request.body);
    for (let i = 0; i < 8 && body.length > 0; i++)
      body[Math.floor(random() * body.length)] = Math.floor(random() * 256);
    return { ...request, body };
  },
  "body cut off": (request, random) => ({
    ...request,
    body: request.body.subarray(0, Math.floor(random() * request.body.length)),
  }),
  "body replaced by junk": (request, random) => ({ ...request, body: Buffer.from(pick(junk, random)) }),
  "body repeated": (request) => ({ ...request, body: Buffer.concat([request.body, request.body]) }),
  "random bytes as body": (request, random) => ({
    ...request,
    body: Buffer.from(Array.from({ length: Math.floor(random() * 300) }, () => Math.floor(random() * 256))),
  }),
  "deep nesting": (request, random) => ({ ...request, body: Buffer.from(pick(deep, random), "latin1") }),
  "a value of another type": (request, random) => ({ ...request, body: withOtherValue(request.body, random) }),
  "strange parameters": (request, random) => {
    const strange = pick(["member", "1", "-1", "99999999999", "__proto__", "a.b.c.d.e"], random);
    const name = `${pick(["Attributes", "Tags", "Entries", "MetricData"], random)}.${strange}.${strange}`;
    return {
      ...request,
      body: Buffer.concat([request.body, Buffer.from(`&${name}=${encodeURIComponent(pick(junk, random))}`)]),
    };
  },
  "a header gone": (request, random) => {
    const at = Math.floor(random() * request.headers.length);
    return { ...request, headers: request.headers.filter((_, i) => i !== at) };
  },
  "a header changed": (request, random) => {
    const at = Math.floor(random() * request.headers.length);
    const value = pick(junk, random);
    return { ...request, headers: request.headers.map(([name, old], i) => [name, i === at ? value : old]) };
  },
  "a header twice": (request, random) => ({ ...request, headers: [...request.headers, pick(request.headers, random)] }),
  "another host": (request, random) => withHeader(request, "host", pick(hosts, random)),
  "a page's origin": (request) => withHeader(request, "origin", "https://evil.example"),
  "a wrong signature": (request) => ({
    ...request,
    headers: request.headers.map(([name, value]) => [name, value.replace(/Signature=..../, "Signature=0000")]),
  }),
  "another method": (request, random) => ({
    ...request,
    method: pick(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE"], random),
  }),
  "another path": (request, random) => {
    const [path = "/", query] = request.target.split("?");
    const end = encodeURI(pick(junk, random)).slice(0, 3000);
    return { ...request, target: `${path}${random() < 0.5 ? "/" : ""}${end}${query === undefined ? "" : `?${query}`}` };
  },
  "another query": (request, random) => {
    const name = pick(
      ["versionId", "uploadId", "partNumber", "max-keys", "list-type", "X-Amz-Expires", "Action", "tagging"],
      random,
    );
    const mark = request.target.includes("?") ? "&" : "?";
    return {
      ...request,
      target: `${request.target}${mark}${name}=${encodeURIComponent(pick(junk, random)).slice(0, 3000)}`,
    };
  },
  "said to be compressed": (request, random) => {
    const body = random() < 0.5 ? gzipSync(Buffer.alloc(2_000_000)) : request.body;
    return withHeader({ ...request, body }, "content-encoding", "gzip");
  },
  "said to be chunked by AWS": (request, random) => {
    const head = withHeader(request, "x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    const body = Buffer.from(
      pick(
        ["5\r\nhello\r\n0\r\n\r\n", "ffffffffffff\r\nx", "zz\r\n", "0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"],
        random,
      ),
    );
    return withHeader({ ...head, body }, "x-amz-decoded-content-length", pick(["5", "-1", "x", "99999999999"], random));
  },
};

const deep = [
  "[".repeat(50_000),
  `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
  `${"<a>".repeat(20_000)}${"</a>".repeat(20_000)}`,
  `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>`,
  "\x81".repeat(50_000),
  "\x9f".repeat(50_000),
  "\xbf\x61a\xff",
  "\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
  "\xbb\x7f\xff\xff\xff\xff\xff\xff\xff",
  "\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
  `${"a.".repeat(20_000)}=1`,
];

function withOtherValue(body: Buffer, random: Random): Buffer {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString());
  } catch {
    return body.length === 0 ? Buffer.from(JSON.stringify(pick(values, random))) : body;
  }
  return Buffer.from(JSON.stringify(changedSomewhere(parsed, random)));
}

function changedSomewhere(value: unknown, random: Random): unknown {
  if (typeof value !== "object" || value === null || random() < 0.15) return pick(values, random);
  const keys = Object.keys(value);
  const key = keys[Math.floor(random() * keys.length)];
  if (key === undefined) return pick(values, random);
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...value] : { ...value };
  (copy as Record<string, unknown>)[key] = changedSomewhere((value as Record<string, unknown>)[key], random);
  return copy;
}

function withHeader(request: RawRequest, name: string, value: string): RawRequest {
  const others = request.headers.filter(([known]) => known.toLowerCase() !== name);
  return { ...request, headers: [...others, [name, value]] };
}

/** One in ten says a wrong length, one in twenty sends broken chunks; the rest is sound HTTP around whatever is inside. */
function framed(request: RawRequest, random: Random): Buffer {
  const headers = request.headers.filter(
    ([name]) => !/^(content-length|transfer-encoding|connection|expect)$/i.test(name),
  );
  const lie = random();
  const wrong = Math.max(0, request.body.length + Math.floor((random() - 0.5) * 100));
  const framing =
    lie < 0.05 ? "Transfer-Encoding: chunked" : `Content-Length: ${lie < 0.15 ? wrong : request.body.length}`;
  const lines = [
    `${request.method} ${request.target.replace(/[^\u0021-\u{10ffff}]/gu, "%20")} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value.replace(/[^\u0020-\u{10ffff}]/gu, " ")}`),
    framing,
    "Connection: close",
    "",
    "",
  ];
  return Buffer.concat([Buffer.from(lines.join("\r\n")), request.body]);
}

function pick<One>(list: readonly One[], random: Random): One {
  return list[Math.floor(random() * list.length)] as One;
}
