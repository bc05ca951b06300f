import { createHmac, hash } from "node:crypto";

/** HMAC-SHA256 under one key, in hexadecimal. */
export type SigningKey = (text: string) => string;

const blockBytes = 64;
const digestBytes = 32;
/** Texts to be signed have some 150 characters: an algorithm, a time, a scope and a hash. */
const mostCharacters = 512;

/**
 * HMAC as two hashes of blocks that begin with the key (RFC 2104): node's own makes a key object and a stream for every
 * text, which under load costs more than all that is hashed.
 */
export function signingKeyOf(key: Buffer): SigningKey {
  const inner = Buffer.alloc(blockBytes + 3 * mostCharacters);
  const outer = Buffer.alloc(blockBytes + digestBytes);
  for (let i = 0; i < blockBytes; i++) {
    inner[i] = (key[i] ?? 0) ^ 0x36;
    outer[i] = (key[i] ?? 0) ^ 0x5c;
  }
  return (text) => {
    if (text.length > mostCharacters) return createHmac("sha256", key).update(text).digest("hex");
    const lengthBytes = inner.write(text, blockBytes);
    outer.write(hash("sha256", inner.subarray(0, blockBytes + lengthBytes), "binary"), blockBytes, "latin1");
    return hash("sha256", outer, "hex");
  };
}
