// X.509 certificates written by hand: as much DER (X.690) as two kinds of certificate need.
import { createHash, type KeyObject, sign } from "node:crypto";

export interface CertificateRequest {
  subject: string;
  publicKey: KeyObject;
  issuer: string;
  issuerKey: KeyObject;
  issuerPublicKey: KeyObject;
  serial: Buffer;
  notBefore: Date;
  notAfter: Date;
  /** Absent for an authority. */
  hostName?: string;
}

/** X.520 allows no longer common name; hosts are matched by their alternative name anyway. */
const maxCommonName = 60;

export function issueCertificate(request: CertificateRequest): string {
  const { hostName } = request;
  const extensions =
    hostName === undefined
      ? [
          extension("551d13", true, sequence(boolean(true))), // basicConstraints: CA
          extension("551d0f", true, bitString(Buffer.of(0x06), 1)), // keyUsage: keyCertSign, cRLSign
        ]
      : [
          extension("551d13", true, sequence()),
          extension("551d0f", true, bitString(Buffer.of(0x80), 7)), // keyUsage: digitalSignature
          extension("551d25", false, sequence(oid("2b06010505070301"))), // extKeyUsage: serverAuth
          extension("551d11", false, sequence(tlv(0x82, Buffer.from(hostName)))), // subjectAltName: DNS
        ];
  extensions.push(extension("551d0e", false, tlv(0x04, keyId(request.publicKey))));
  extensions.push(extension("551d23", false, sequence(tlv(0x80, keyId(request.issuerPublicKey)))));
  const toSign = sequence(
    tlv(0xa0, integer(Buffer.of(2))), // version 3
    integer(request.serial),
    ecdsaWithSha256,
    name(request.issuer),
    sequence(time(request.notBefore), time(request.notAfter)),
    name(request.subject),
    request.publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", toSign, request.issuerKey);
  return pem(sequence(toSign, ecdsaWithSha256, bitString(signature, 0)));
}

function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  if (length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), content]);
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function integer(bytes: Buffer): Buffer {
  return tlv(0x02, bytes);
}

function boolean(value: boolean): Buffer {
  return tlv(0x01, Buffer.of(value ? 0xff : 0));
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, "hex"));
}

function bitString(bytes: Buffer, unusedBits: number): Buffer {
  return tlv(0x03, Buffer.concat([Buffer.of(unusedBits), bytes]));
}

function extension(id: string, isCritical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(isCritical ? [boolean(true)] : []), tlv(0x04, value));
}

function name(commonName: string): Buffer {
  const text = tlv(0x0c, Buffer.from(commonName.slice(0, maxCommonName)));
  return sequence(tlv(0x31, sequence(oid("550403"), text)));
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d{3}/g, ""); // 20261120230000Z
  const isShort = date.getUTCFullYear() < 2050;
  return isShort ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits));
}

/** The SHA-1 of the public point, which is the last 65 bytes of a P-256 key. */
function keyId(key: KeyObject): Buffer {
  const point = key.export({ type: "spki", format: "der" }).subarray(-65);
  return createHash("sha1").update(point).digest();
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));
