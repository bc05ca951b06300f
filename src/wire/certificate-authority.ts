// The installation's own certificate authority, by which `https://sts.us-east-1.amazonaws.com` can end on this machine for the
// programs that `scones run` starts, and for nobody else.
//
// T1. The key is made here, readable by its owner alone, and never leaves its folder. T2. It certifies hosts of amazonaws.com
// only. T3. Nothing is installed into the system's trust store: who trusts it was given its bundle by name.
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { issueCertificate } from "./der.ts";

export interface CertificateAuthority {
  certificate: string;
  /** System authorities and ours in one file: what `AWS_CA_BUNDLE` replaces is the whole trust store of a program. */
  bundlePath: string;
  /** What our side of a TLS connection to this host needs. */
  contextFor(hostName: string): SecureContext;
}

export interface AuthorityOptions {
  /** Created with mode 0700. */
  folder: string;
  now: () => number;
  /** Looked through in order; the authorities built into node are the last resort. */
  systemBundles?: readonly string[];
}

const dayMs = 24 * 3600 * 1000;
const authorityDays = 3650;
/** Beyond 398 days some clients refuse a leaf. */
const leafDays = 397;
/** An authority is replaced this long before its end. */
const renewDays = 30;
/** Buckets are host names, so hosts are many; one context has some 30 KB. */
const maxContexts = 500;

/** Where a server hands out the certificate (never the key) to the programs that shall trust it. */
export const authorityPath = "/_scones/authority.pem";

const authorityName = "Scones local authority";

const defaultSystemBundles: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch
  "/etc/pki/tls/certs/ca-bundle.crt", // Fedora, Amazon Linux
  "/etc/ssl/ca-bundle.pem", // SUSE
  "/etc/ssl/cert.pem", // Alpine, macOS
];

export function openAuthority(options: AuthorityOptions): CertificateAuthority {
  const { folder, now, systemBundles = defaultSystemBundles } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { key, certificate } = readOrCreate(join(folder, "authority.pem"), now());
  const issuerKey = createPrivateKey(key);
  const issuerPublicKey = createPublicKey(key);
  const bundlePath = join(folder, "bundle.pem");
  saveBundle(bundlePath, certificate, systemBundles);
  const leafKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const contexts = new Map<string, { context: SecureContext; untilMs: number }>();

  return {
    certificate,
    bundlePath,
    contextFor(hostName) {
      if (!isAmazonHost(hostName)) throw new Error(`no certificate is issued for ${hostName}`);
      const known = contexts.get(hostName);
      if (known !== undefined && known.untilMs > now()) return known.context;
      const leaf = issueCertificate({
        subject: hostName,
        hostName,
        publicKey: leafKeys.publicKey,
        issuer: authorityName,
        issuerKey,
        issuerPublicKey,
        serial: newSerial(),
        notBefore: new Date(now() - dayMs),
        notAfter: new Date(now() + (leafDays - 1) * dayMs),
      });
      const leafKey = leafKeys.privateKey.export({ type: "pkcs8", format: "pem" });
      const context = createSecureContext({ key: leafKey, cert: leaf + certificate, minVersion: "TLSv1.2" });
      if (contexts.size >= maxContexts) contexts.delete(contexts.keys().next().value as string);
      contexts.set(hostName, { context, untilMs: now() + (leafDays - renewDays) * dayMs });
      return context;
    },
  };
}

/** Writes the trust store of a program: the system's authorities and the one given. */
export function saveBundle(
  path: string,
  certificate: string,
  systemBundles: readonly string[] = defaultSystemBundles,
): void {
  writeAside(path, `${systemAuthorities(systemBundles)}\n${certificate}`, 0o644);
}

export function isAmazonHost(hostName: string): boolean {
  return /^([a-z0-9_-]+\.)+amazonaws\.com$/.test(hostName) && hostName.length <= 253;
}

interface KeyAndCertificate {
  key: string;
  certificate: string;
}

/** Key and certificate share one file, so that two processes that start at once agree on both. */
function readOrCreate(path: string, nowMs: number): KeyAndCertificate {
  const known = existsSync(path) ? split(readFileSync(path, "utf8")) : undefined;
  if (known !== undefined) {
    const untilMs = Date.parse(new X509Certificate(known.certificate).validTo);
    if (untilMs - nowMs > renewDays * dayMs) return known;
    rmSync(path);
  }
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const certificate = issueCertificate({
    subject: authorityName,
    publicKey,
    issuer: authorityName,
    issuerKey: privateKey,
    issuerPublicKey: publicKey,
    serial: newSerial(),
    notBefore: new Date(nowMs - dayMs),
    notAfter: new Date(nowMs + authorityDays * dayMs),
  });
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(draft, `${privateKey.export({ type: "pkcs8", format: "pem" })}${certificate}`, { mode: 0o600 });
  try {
    linkSync(draft, path); // unlike a rename, this leaves what another process made first
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(draft);
  }
  return split(readFileSync(path, "utf8"));
}

function split(text: string): KeyAndCertificate {
  const at = text.indexOf("-----BEGIN CERTIFICATE-----");
  if (at === -1) throw new Error("the certificate authority's file is damaged: delete it and start again");
  return { key: text.slice(0, at), certificate: text.slice(at) };
}

function systemAuthorities(paths: readonly string[]): string {
  const path = paths.find((one) => existsSync(one));
  return path === undefined ? rootCertificates.join("\n") : readFileSync(path, "utf8");
}

function writeAside(path: string, text: string, mode: number): void {
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(draft, text, { mode });
  renameSync(draft, path);
}

/** Positive and without leading zero bytes, as DER wants its integers. */
function newSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  return serial;
}
