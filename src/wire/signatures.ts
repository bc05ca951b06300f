// Who sent a request: Signature Version 4 in a header or in the address; Version 2 has a file of its own.
//
// G1. With keys configured nothing reaches a service unsigned. G2. Secrets are compared in constant time.
import { createHash, createHmac, hash } from "node:crypto";
import { Fault } from "../kit/fault.ts";
import type { Dialect } from "./recognise.ts";
import { remembered } from "./remembered.ts";
import { fieldOf, headerOf, type RequestHead, type Scope, scopeOf } from "./request-head.ts";
import { isVersion2, verifyVersion2 } from "./signature-version-2.ts";
import { type SigningKey, signingKeyOf } from "./signing-key.ts";
import { temporaryExpiryMs, temporarySecret } from "./temporary-keys.ts";

export interface Credential {
  accessKeyId: string;
  secretAccessKey: string;
}

/** What the chunks of a signed stream are signed with. */
export interface Signed {
  accessKeyId: string;
  signingKey: SigningKey;
  signature: string;
  timestamp: string;
  /** `20261120/us-east-1/s3/aws4_request` */
  scope: string;
}

export const emptyHash = createHash("sha256").digest("hex");
/** How far a caller's clock may be from ours, as AWS has it. */
export const maxSkewMs = 15 * 60_000;
const maxPresignedSeconds = 7 * 24 * 3600;
/** One key per secret, day, region and service: more are in use only when someone guesses. */
const maxCachedKeys = 256;

export interface Verifier {
  /** `bodyHash` is asked for only when the request does not say what it signed. */
  verify(head: RequestHead, dialect: Dialect, bodyHash: () => string): Signed | undefined;
  /** Of a form the policy is signed, by fields beside it (names in lower case). */
  verifyForm(fields: ReadonlyMap<string, string>): void;
}

export function createVerifier(credentials: readonly Credential[], now: () => number): Verifier {
  const secrets = new Map(credentials.map(({ accessKeyId, secretAccessKey }) => [accessKeyId, secretAccessKey]));
  const keys = new Map<string, SigningKey>();

  function secretOf(accessKeyId: string, dialect: Dialect): string {
    const known = secrets.get(accessKeyId);
    if (known !== undefined) return known;
    const expiryMs = temporaryExpiryMs(accessKeyId);
    if (expiryMs === undefined || credentials[0] === undefined) throw unknownKey(dialect, accessKeyId);
    if (expiryMs < now()) throw expiredToken(dialect);
    return temporarySecret(credentials[0].secretAccessKey, accessKeyId);
  }

  function signingKey(secret: string, { date, region, service }: Scope): SigningKey {
    const name = `${secret}\n${date}\n${region}\n${service}`;
    let key = keys.get(name);
    if (key === undefined) {
      key = signingKeyOf(hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), "aws4_request"));
      if (keys.size >= maxCachedKeys) keys.clear();
      keys.set(name, key);
    }
    return key;
  }

  return {
    verify(head, dialect, bodyHash) {
      const authorization = headerOf(head, "authorization");
      if (isVersion2(head)) {
        verifyVersion2(head, { secretOf: (accessKeyId) => secretOf(accessKeyId, dialect), nowMs: now() });
        return undefined;
      }
      const { scope } = head;
      if (scope === undefined) throw unsigned(dialect, authorization);
      const isPresigned = authorization === undefined;
      const timestamp = isPresigned
        ? (head.query.get("X-Amz-Date") ?? "")
        : (headerOf(head, "x-amz-date") ?? isoBasic(headerOf(head, "date")));
      checkTime(head, dialect, timestamp, { isPresigned, nowMs: now(), scope });
      const [signedHeaders, signature] = isPresigned
        ? [head.query.get("X-Amz-SignedHeaders") ?? "", head.query.get("X-Amz-Signature") ?? ""]
        : [fieldOf(authorization, "SignedHeaders"), fieldOf(authorization, "Signature")];
      const names = namesOf(signedHeaders);
      if (!names.includes("host")) throw mismatch(dialect);
      const payloadHash =
        headerOf(head, "x-amz-content-sha256") ??
        (isPresigned && scope.service === "s3" ? "UNSIGNED-PAYLOAD" : bodyHash());
      const headers = canonicalHeaders(head, names);
      const canonical = `${head.method}\n${canonicalPath(head, scope)}\n${canonicalQuery(head.rawQuery)}\n${headers}\n${signedHeaders}\n${payloadHash}`;
      const scopeText = `${scope.date}/${scope.region}/${scope.service}/aws4_request`;
      const toSign = `AWS4-HMAC-SHA256\n${timestamp}\n${scopeText}\n${sha256(canonical)}`;
      const key = signingKey(secretOf(scope.accessKeyId, dialect), scope);
      if (!isEqual(key(toSign), signature)) throw mismatch(dialect);
      return { accessKeyId: scope.accessKeyId, signingKey: key, signature, timestamp, scope: scopeText };
    },

    verifyForm(fields) {
      const dialect = "restXml";
      const policy = fields.get("policy");
      const credential = fields.get("x-amz-credential");
      const accessKeyId = fields.get("awsaccesskeyid");
      if (policy === undefined || (credential === undefined && accessKeyId === undefined)) {
        throw unsigned(dialect, undefined);
      }
      if (accessKeyId !== undefined) {
        const expected = createHmac("sha1", secretOf(accessKeyId, dialect)).update(policy).digest("base64");
        if (!isEqual(expected, fields.get("signature") ?? "")) throw mismatch(dialect);
        return;
      }
      const scope = scopeOf(credential as string);
      if (scope === undefined || fields.get("x-amz-algorithm") !== "AWS4-HMAC-SHA256") throw mismatch(dialect);
      const key = signingKey(secretOf(scope.accessKeyId, dialect), scope);
      if (!isEqual(key(policy), fields.get("x-amz-signature") ?? "")) throw mismatch(dialect);
    },
  };
}

const namesOf = remembered((signedHeaders) => signedHeaders.split(";"));

function canonicalHeaders(head: RequestHead, names: readonly string[]): string {
  let headers = "";
  for (const name of names) {
    const value = head.headers[name];
    const text = Array.isArray(value) ? value.join(",") : (value ?? "");
    headers += `${name}:${text.includes("  ") ? text.trim().replace(/ +/g, " ") : text.trim()}\n`;
  }
  return headers;
}

/** S3 signs the path as it is sent; everybody else encodes it once more. */
function canonicalPath({ path }: RequestHead, scope: Scope): string {
  if (path === "/" || scope.service === "s3") return path;
  return path.split("/").map(encode).join("/");
}

function canonicalQuery(rawQuery: string): string {
  if (rawQuery === "") return "";
  return rawQuery
    .split("&")
    .filter((part) => part !== "" && !part.startsWith("X-Amz-Signature="))
    .map((part) => {
      const at = part.indexOf("=");
      const [name, value] = at === -1 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
      return [encode(decode(name)), encode(decode(value))] as const;
    })
    .sort(([name, value], [otherName, otherValue]) => compare(name, otherName) || compare(value, otherValue))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

export function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not an encoding: it is signed as it stands
  }
}

interface TimeOptions {
  isPresigned: boolean;
  nowMs: number;
  scope: Scope;
}

function checkTime(
  head: RequestHead,
  dialect: Dialect,
  timestamp: string,
  { isPresigned, nowMs, scope }: TimeOptions,
): void {
  const signedMs = momentOf(timestamp);
  if (Number.isNaN(signedMs) || !timestamp.startsWith(scope.date)) throw mismatch(dialect);
  if (isPresigned) {
    const seconds = Number(head.query.get("X-Amz-Expires"));
    if (!(seconds > 0 && seconds <= maxPresignedSeconds)) {
      throw new Fault("AuthorizationQueryParametersError", "X-Amz-Expires must be between 1 and 604800 seconds");
    }
    if (nowMs > signedMs + seconds * 1000) throw new Fault("AccessDenied", "Request has expired", { status: 403 });
    if (nowMs < signedMs - maxSkewMs) throw skewed(dialect, timestamp, nowMs);
  } else if (Math.abs(nowMs - signedMs) > maxSkewMs) throw skewed(dialect, timestamp, nowMs);
}

/** Milliseconds of `20261120T230000Z`; NaN of anything else. Many requests are signed in the same second. */
const momentOf = remembered((timestamp) => {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp);
  const [, year, month, day, hour, minute, second] = (match ?? []).map(Number) as [number, ...number[]];
  return Date.UTC(year ?? Number.NaN, (month ?? 0) - 1, day, hour, minute, second);
});

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

export function sha256(data: string | Uint8Array): string {
  return hash("sha256", data, "hex");
}

/** In a time that says nothing of where they differ. */
export function isEqual(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let i = 0; i < one.length; i++) difference |= one.charCodeAt(i) ^ other.charCodeAt(i);
  return difference === 0;
}

function isoBasic(date: string | undefined): string {
  const parsed = new Date(date ?? "");
  if (Number.isNaN(parsed.getTime())) return "";
  return parsed.toISOString().replace(/[-:]|\.\d{3}/g, "");
}

/** Services differ in what they call a caller whom they do not believe. */
export function mismatch(dialect: Dialect): Fault {
  const code = dialect === "restXml" || dialect === "query" ? "SignatureDoesNotMatch" : "InvalidSignatureException";
  const message =
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.";
  return new Fault(code, message, { status: 403 });
}

function unknownKey(dialect: Dialect, accessKeyId: string): Fault {
  if (dialect === "restXml") {
    const message = "The AWS Access Key Id you provided does not exist in our records.";
    return new Fault("InvalidAccessKeyId", message, { status: 403, members: { AWSAccessKeyId: accessKeyId } });
  }
  const code = dialect === "query" ? "InvalidClientTokenId" : "UnrecognizedClientException";
  return new Fault(code, "The security token included in the request is invalid.", { status: 403 });
}

function expiredToken(dialect: Dialect): Fault {
  const code =
    dialect === "json" || dialect === "restJson" || dialect === "cbor" ? "ExpiredTokenException" : "ExpiredToken";
  return new Fault(code, "The security token included in the request is expired", { status: 403 });
}

function unsigned(dialect: Dialect, authorization: string | undefined): Fault {
  if (authorization !== undefined) {
    const message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
    return new Fault(dialect === "restXml" ? "InvalidRequest" : "IncompleteSignature", message);
  }
  if (dialect === "restXml") return new Fault("AccessDenied", "Access Denied", { status: 403 });
  const code = dialect === "query" ? "MissingAuthenticationToken" : "MissingAuthenticationTokenException";
  return new Fault(code, "Missing Authentication Token", { status: 403 });
}

export function skewed(dialect: Dialect, timestamp: string, nowMs: number): Fault {
  const now = new Date(nowMs).toISOString();
  if (dialect === "restXml") {
    const message = "The difference between the request time and the current time is too large.";
    const members = { RequestTime: timestamp, ServerTime: now, MaxAllowedSkewMilliseconds: maxSkewMs };
    return new Fault("RequestTimeTooSkewed", message, { status: 403, members });
  }
  const code = dialect === "query" ? "SignatureDoesNotMatch" : "InvalidSignatureException";
  return new Fault(code, `Signature expired or not yet valid: ${timestamp} is more than 15 minutes from ${now}`, {
    status: 403,
  });
}
