// The checksums that S3 clients send with a body. All but two are node's own.
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

export interface Checksum {
  update(bytes: Uint8Array): void;
  /** As headers carry it. */
  base64(): string;
}

/** In AWS's spelling: members are called `ChecksumCRC32`. */
export const checksumAlgorithms = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5"] as const;
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

export function createChecksum(algorithm: ChecksumAlgorithm): Checksum {
  switch (algorithm) {
    case "CRC32": {
      let value = 0;
      return {
        update(bytes) {
          value = crc32(bytes, value);
        },
        base64: () => wordsToBase64(value),
      };
    }
    case "CRC32C":
      return crc32c();
    case "CRC64NVME":
      return crc64nvme();
    default: {
      const hash = createHash(algorithm.toLowerCase());
      return { update: (bytes) => void hash.update(bytes), base64: () => hash.digest("base64") };
    }
  }
}

function crc32c(): Checksum {
  const table = castagnoli();
  let value = -1;
  return {
    update(bytes) {
      for (const byte of bytes) value = (table[(value ^ byte) & 0xff] as number) ^ (value >>> 8);
    },
    base64: () => wordsToBase64(~value >>> 0),
  };
}

// 64 bits as two halves: BigInt would be some fifty times slower per byte.
function crc64nvme(): Checksum {
  const { high, low } = nvme();
  let valueHigh = -1;
  let valueLow = -1;
  return {
    update(bytes) {
      for (const byte of bytes) {
        const at = (valueLow ^ byte) & 0xff;
        valueLow = (low[at] as number) ^ ((valueLow >>> 8) | (valueHigh << 24));
        valueHigh = (high[at] as number) ^ (valueHigh >>> 8);
      }
    },
    base64: () => wordsToBase64(~valueHigh >>> 0, ~valueLow >>> 0),
  };
}

let castagnoliTable: Int32Array | undefined;

function castagnoli(): Int32Array {
  castagnoliTable ??= Int32Array.from({ length: 256 }, (_, i) => {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
    return value;
  });
  return castagnoliTable;
}

let nvmeTables: { high: Int32Array; low: Int32Array } | undefined;

function nvme(): { high: Int32Array; low: Int32Array } {
  if (nvmeTables !== undefined) return nvmeTables;
  const high = new Int32Array(256);
  const low = new Int32Array(256);
  const polynomial = 0x9a6c9329ac4bc9b5n;
  for (let i = 0; i < 256; i++) {
    let value = BigInt(i);
    for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    high[i] = Number(BigInt.asIntN(32, value >> 32n));
    low[i] = Number(BigInt.asIntN(32, value));
  }
  nvmeTables = { high, low };
  return nvmeTables;
}

function wordsToBase64(...words: number[]): string {
  const bytes = Buffer.alloc(words.length * 4);
  for (const [i, word] of words.entries()) bytes.writeUInt32BE(word, i * 4);
  return bytes.toString("base64");
}
