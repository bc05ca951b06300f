import { createHash, createPrivateKey, createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What makes a message trustworthy to its receiver: a signature, and the certificate that it can be checked with. */
export interface Signer {
  /** Base64 of RSA over SHA-1 (version 1) or SHA-256 (version 2). */
  sign(text: string, version: "1" | "2"): string;
  certificatePem: string;
  /** Where the certificate must be served, as SNS names it. */
  certificatePath: string;
}

/** The key is made at the first start and stays in the directory, readable by its owner only. */
export function openSigner(directory: string): Signer {
  mkdirSync(directory, { recursive: true });
  const keyFile = join(directory, "sns-signing-key.pem");
  const certificateFile = join(directory, "sns-signing-certificate.pem");
  if (!existsSync(keyFile) || !existsSync(certificateFile)) {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    // The certificate first: a key without one is made again, and a crash between the two leaves no pair that does not match.
    writeWhole(certificateFile, selfSigned(publicKey, privateKey));
    writeWhole(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  }
  const key = createPrivateKey(readFileSync(keyFile));
  const certificatePem = readFileSync(certificateFile, "utf8");
  const digest = createHash("sha256").update(certificatePem).digest("hex").slice(0, 32);
  return {
    sign: (text, version) =>
      createSign(version === "1" ? "RSA-SHA1" : "RSA-SHA256")
        .update(text)
        .sign(key, "base64"),
    certificatePem,
    certificatePath: `/SimpleNotificationService-${digest}.pem`,
  };
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}

/** X.509 by hand (RFC 5280), because Node can sign but not make certificates. */
function selfSigned(publicKey: KeyObject, privateKey: KeyObject): string {
  const sha256WithRsa = der(0x30, oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b), der(0x05));
  const commonName = der(0x30, oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from("sns.scones.local")));
  const name = der(0x30, der(0x31, commonName));
  const validity = der(0x30, der(0x17, Buffer.from("200101000000Z")), der(0x17, Buffer.from("491231235959Z")));
  const spki = publicKey.export({ type: "spki", format: "der" });
  const serial = createHash("sha256").update(spki).digest().subarray(0, 8);
  // A leading zero keeps the number positive.
  const integer = der(0x02, Buffer.from([0]), Buffer.from([(serial[0] as number) | 0x80]), serial.subarray(1));
  const version3 = der(0xa0, der(0x02, Buffer.from([2])));
  const body = der(0x30, version3, integer, sha256WithRsa, name, validity, name, spki);
  const signature = createSign("RSA-SHA256").update(body).sign(privateKey);
  const certificate = der(0x30, body, sha256WithRsa, der(0x03, Buffer.from([0]), signature));
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function oid(...bytes: number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}
