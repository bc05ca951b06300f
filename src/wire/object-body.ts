// The body of an object on its way in: unchunked, counted, compared with every checksum that came with it, never held whole.
//
// O1. Whoever reads the body to its end has the bytes that the sender meant; otherwise the stream fails before it ends.
import { createHash } from "node:crypto";
import { type Readable, Transform } from "node:stream";
import { Fault } from "../kit/fault.ts";
import { ChunkedDecoder } from "./aws-chunked.ts";
import {
  type Checksum,
  type ChecksumAlgorithm,
  checksumAlgorithms,
  checksumHeader,
  createChecksum,
} from "./checksums.ts";
import { headerOf, type RequestHead } from "./request-head.ts";
import { emptyHash, type Signed } from "./signatures.ts";

export interface ObjectBodyOptions {
  signed: Signed | undefined;
  /** Told of checksums that come after the body, before the body ends. */
  onTrailer: (name: string, value: string) => void;
}

export function objectBody(request: Readable, head: RequestHead, { signed, onTrailer }: ObjectBodyOptions): Readable {
  const declaredHash = headerOf(head, "x-amz-content-sha256") ?? "";
  const isChunked = isAwsChunked(head);
  const checks = checksOf(head);
  const lengthText = isChunked ? headerOf(head, "x-amz-decoded-content-length") : headerOf(head, "content-length");
  const checked = new CheckedBody(checks, lengthText === undefined ? undefined : Number(lengthText));
  const stages: [Readable, ...Transform[]] = [request];
  if (isChunked) {
    const onChecksumTrailer = (name: string, value: string) => {
      checked.expect(name, value);
      onTrailer(name, value);
    };
    const isSigned = declaredHash.startsWith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    stages.push(new ChunkedDecoder({ signed: isSigned ? signed : undefined, onTrailer: onChecksumTrailer }));
  }
  stages.push(checked);
  // The reader of the last stage sees the failure of any. The request itself must outlive it, to be answered.
  const body = stages.reduce((one, next) => {
    one.on("error", (error) => next.destroy(error));
    one.on("close", () => {
      if (!one.readableEnded) next.destroy(new Fault("IncompleteBody", "The caller went away before its body ended"));
    });
    return one.pipe(next as Transform);
  });
  // A handler that refuses the request never listens; the failure is then nobody's.
  return body.on("error", () => {});
}

/** Up to here a body that comes as it is, with its length, is taken whole: a chain of streams costs more than so little is worth. */
const wholeBytes = 64 * 1024;

export function isSmallAndPlain(head: RequestHead): boolean {
  const length = headerOf(head, "content-length");
  return length !== undefined && /^\d{1,6}$/.test(length) && Number(length) <= wholeBytes && !isAwsChunked(head);
}

/** The same checks as of a stream (O1), of a body that is here. */
export function checkWhole(body: Buffer, head: RequestHead): void {
  const lengthBytes = Number(headerOf(head, "content-length"));
  if (body.length !== lengthBytes) throw wrongLength(body.length, lengthBytes);
  for (const { checksum, expected, fault } of checksOf(head)) {
    checksum.update(body);
    const found = checksum.base64();
    if (expected !== found) throw fault(found);
  }
}

export function isAwsChunked(head: RequestHead): boolean {
  const declaredHash = headerOf(head, "x-amz-content-sha256") ?? "";
  return declaredHash.startsWith("STREAMING-") || /\baws-chunked\b/.test(headerOf(head, "content-encoding") ?? "");
}

/** Nothing comes and nothing was promised of it: most reads, which need no machinery for a body. */
export function isBodiless({ headers, method }: RequestHead): boolean {
  if (method !== "GET" && method !== "HEAD") return false;
  if ((headers["content-length"] ?? "0") !== "0" || headers["transfer-encoding"] !== undefined) return false;
  const declaredHash = headers["x-amz-content-sha256"] ?? unsignedPayload;
  if (declaredHash !== unsignedPayload && declaredHash !== emptyHash) return false;
  return !Object.keys(headers).some(
    (name) => name === "content-md5" || /^x-amz-(checksum-(?!mode)|trailer)/.test(name),
  );
}

const unsignedPayload = "UNSIGNED-PAYLOAD";

interface Check {
  checksum: Checksum;
  /** Undefined until its trailer came. */
  expected: string | undefined;
  fault: (found: string) => Fault;
  header?: string;
}

const checksumHeaders = checksumAlgorithms.map((algorithm) => [algorithm, checksumHeader(algorithm)] as const);

function checksOf(head: RequestHead): Check[] {
  const trailers = (headerOf(head, "x-amz-trailer") ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
  const checks: Check[] = [];
  for (const [algorithm, header] of checksumHeaders) {
    const expected = headerOf(head, header);
    if (expected === undefined && !trailers.includes(header)) continue;
    checks.push({ checksum: createChecksum(algorithm), expected, header, fault: () => badChecksum(algorithm) });
  }
  const declaredHash = headerOf(head, "x-amz-content-sha256") ?? "";
  if (/^[0-9a-f]{64}$/.test(declaredHash)) {
    checks.push({ checksum: hexSha256(), expected: declaredHash, fault: payloadHashMismatch });
  }
  const md5 = headerOf(head, "content-md5");
  if (md5 !== undefined) {
    if (Buffer.from(md5, "base64").length !== 16) {
      throw new Fault("InvalidDigest", "The Content-MD5 you specified is not valid.");
    }
    checks.push({ checksum: createChecksum("MD5"), expected: md5, fault: () => badMd5() });
  }
  return checks;
}

class CheckedBody extends Transform {
  readonly #checks: readonly Check[];
  readonly #lengthBytes: number | undefined;
  #sizeBytes = 0;

  constructor(checks: readonly Check[], lengthBytes: number | undefined) {
    super();
    this.#checks = checks;
    this.#lengthBytes = lengthBytes;
  }

  expect(header: string, value: string): void {
    const check = this.#checks.find((one) => one.header === header);
    if (check !== undefined) check.expected = value;
  }

  override _transform(
    bytes: Buffer,
    _encoding: BufferEncoding,
    done: (error: Error | null, bytes?: Buffer) => void,
  ): void {
    this.#sizeBytes += bytes.length;
    if (this.#lengthBytes !== undefined && this.#sizeBytes > this.#lengthBytes) {
      done(wrongLength(this.#sizeBytes, this.#lengthBytes));
      return;
    }
    for (const { checksum } of this.#checks) checksum.update(bytes);
    done(null, bytes);
  }

  override _flush(done: (error?: Error) => void): void {
    if (this.#lengthBytes !== undefined && this.#sizeBytes !== this.#lengthBytes) {
      done(wrongLength(this.#sizeBytes, this.#lengthBytes));
      return;
    }
    for (const { checksum, expected, fault } of this.#checks) {
      const found = checksum.base64();
      if (expected !== found) {
        done(fault(found));
        return;
      }
    }
    done();
  }
}

function hexSha256(): Checksum {
  const hash = createHash("sha256");
  return { update: (bytes) => void hash.update(bytes), base64: () => hash.digest("hex") };
}

function payloadHashMismatch(found: string): Fault {
  const message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
  return new Fault("XAmzContentSHA256Mismatch", message, { members: { S3ComputedContentSHA256: found } });
}

function badChecksum(algorithm: ChecksumAlgorithm): Fault {
  return new Fault("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`);
}

function badMd5(): Fault {
  return new Fault("BadDigest", "The Content-MD5 you specified did not match what we received.");
}

function wrongLength(found: number, declared: number): Fault {
  const message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
  return new Fault("IncompleteBody", `${message}: ${found} instead of ${declared}`);
}
