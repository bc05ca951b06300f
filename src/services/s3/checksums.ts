import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { Fault } from "../../kit/fault.ts";

/*
 * The additional checksums of S3. A client that names an algorithm gets its value stored and echoed; a client that gives a
 * value is refused when the body has another one. (A value in the trailer of an aws-chunked body is checked by the wire.)
 */
export const checksumAlgorithms = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const;
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

/** The members of an input or output that carry checksums. */
export type ChecksumMembers = { [Name in `Checksum${ChecksumAlgorithm}`]?: string | undefined };

export interface RunningChecksum {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

export function runningChecksum(algorithm: ChecksumAlgorithm): RunningChecksum {
  switch (algorithm) {
    case "CRC32":
      return running32((bytes, crc) => crc32(bytes, crc));
    case "CRC32C":
      return running32(crc32c);
    case "CRC64NVME":
      return crc64();
    case "SHA1":
    case "SHA256": {
      const hash = createHash(algorithm.toLowerCase());
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
    }
  }
}

export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** The checksums that are stored with an object, as members of an answer. */
export function checksumMembers(
  headers: Readonly<Record<string, string>>,
): ChecksumMembers & { ChecksumType?: string } {
  const members: Record<string, string> = {};
  for (const algorithm of checksumAlgorithms) {
    const value = headers[checksumHeader(algorithm)];
    if (value !== undefined) members[`Checksum${algorithm}`] = value;
  }
  if (Object.keys(members).length > 0) members["ChecksumType"] = headers["x-amz-checksum-type"] ?? "FULL_OBJECT";
  return members;
}

export function parseAlgorithm(name: string | undefined): ChecksumAlgorithm | undefined {
  if (name === undefined) return undefined;
  const algorithm = checksumAlgorithms.find((known) => known === name.toUpperCase());
  if (algorithm === undefined) {
    throw new Fault(
      "InvalidRequest",
      `Checksum algorithm provided is unsupported: "${name}"; use one of ${checksumAlgorithms.join(", ")}`,
    );
  }
  return algorithm;
}

export interface BodyExpectations extends ChecksumMembers {
  ChecksumAlgorithm?: string | undefined;
  ContentMD5?: string | undefined;
}

/** Watches a body pass: `passing` and `trailers` are options of a blob's put. */
export function watchBody(input: BodyExpectations, largestBytes: number) {
  const given = checksumAlgorithms.find((algorithm) => input[`Checksum${algorithm}`] !== undefined);
  const algorithm = given ?? parseAlgorithm(input.ChecksumAlgorithm);
  const checksum = algorithm && runningChecksum(algorithm);
  const md5 = input.ContentMD5 === undefined ? undefined : createHash("md5");
  if (input.ContentMD5 !== undefined && Buffer.from(input.ContentMD5, "base64").byteLength !== 16) {
    throw new Fault("InvalidDigest", "The Content-MD5 you specified was invalid.");
  }
  let sizeBytes = 0;
  return {
    passing(bytes: Uint8Array) {
      sizeBytes += bytes.byteLength;
      if (sizeBytes > largestBytes) {
        throw new Fault("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", {
          members: { MaxSizeAllowed: String(largestBytes) },
        });
      }
      checksum?.update(bytes);
      md5?.update(bytes);
    },
    trailers(): Record<string, string> {
      if (md5 && md5.digest("base64") !== input.ContentMD5) {
        throw new Fault("BadDigest", "The Content-MD5 you specified did not match what we received.");
      }
      if (!algorithm || !checksum) return {};
      const value = checksum.digest().toString("base64");
      const expected = input[`Checksum${algorithm}`];
      if (expected !== undefined && expected !== value) {
        throw new Fault("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`);
      }
      return { [checksumHeader(algorithm)]: value };
    },
  };
}

function running32(step: (bytes: Uint8Array, crc: number) => number): RunningChecksum {
  let crc = 0;
  return {
    update(bytes) {
      crc = step(bytes, crc);
    },
    digest() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(crc >>> 0);
      return bytes;
    },
  };
}

let table32c: Uint32Array | undefined;

function crc32c(bytes: Uint8Array, before: number): number {
  table32c ??= Uint32Array.from({ length: 256 }, (_, i) => {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    return value;
  });
  let crc = ~before;
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (table32c[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

/** Reflected polynomial of CRC-64/NVME, in two halves: 64-bit integers of JavaScript would be ten times slower. */
const polynomial64 = { high: 0x9a6c9329, low: 0xac4bc9b5 };
let tables64: { high: Uint32Array; low: Uint32Array } | undefined;

function crc64(): RunningChecksum {
  tables64 ??= makeTables64();
  const tables = tables64;
  let high = 0xffffffff;
  let low = 0xffffffff;
  return {
    update(bytes) {
      for (let i = 0; i < bytes.length; i++) {
        const at = (low ^ (bytes[i] as number)) & 0xff;
        low = ((low >>> 8) | (high << 24)) ^ (tables.low[at] as number);
        high = (high >>> 8) ^ (tables.high[at] as number);
      }
    },
    digest() {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt32BE(~high >>> 0, 0);
      bytes.writeUInt32BE(~low >>> 0, 4);
      return bytes;
    },
  };
}

function makeTables64(): { high: Uint32Array; low: Uint32Array } {
  const tables = { high: new Uint32Array(256), low: new Uint32Array(256) };
  for (let i = 0; i < 256; i++) {
    let high = 0;
    let low = i;
    for (let bit = 0; bit < 8; bit++) {
      const isOdd = low & 1;
      low = (low >>> 1) | (high << 31);
      high >>>= 1;
      if (isOdd) {
        low ^= polynomial64.low;
        high ^= polynomial64.high;
      }
    }
    tables.high[i] = high;
    tables.low[i] = low;
  }
  return tables;
}
