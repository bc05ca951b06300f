// Keys that AssumeRole hands out. Nothing is stored: the key id carries its end, and the secret follows from the key id and
// the first configured secret, so whoever knows that one can verify.
import { createHmac } from "node:crypto";
import type { Credential } from "./signatures.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const prefix = "ASIA";
const expiryLength = 7;
const randomLength = 9;

/** `random` is uniform in [0, 1). */
export function issueTemporaryKey(secret: string, expiryMs: number, random: () => number): Credential {
  let expiry = "";
  for (let rest = Math.floor(expiryMs / 1000), i = 0; i < expiryLength; i++) {
    expiry = alphabet.charAt(rest % 32) + expiry;
    rest = Math.floor(rest / 32);
  }
  const rest = Array.from({ length: randomLength }, () => alphabet.charAt(Math.floor(random() * 32))).join("");
  const accessKeyId = prefix + expiry + rest;
  return { accessKeyId, secretAccessKey: temporarySecret(secret, accessKeyId) };
}

/** When a key of ours ends; undefined when it is none. */
export function temporaryExpiryMs(accessKeyId: string): number | undefined {
  const digits = new RegExp(`^${prefix}([A-Z2-7]{${expiryLength}})[A-Z2-7]{${randomLength}}$`).exec(accessKeyId)?.[1];
  if (digits === undefined) return undefined;
  return [...digits].reduce((sum, digit) => sum * 32 + alphabet.indexOf(digit), 0) * 1000;
}

export function temporarySecret(secret: string, accessKeyId: string): string {
  return createHmac("sha256", secret).update(`temporary key ${accessKeyId}`).digest("base64").slice(0, 40);
}
