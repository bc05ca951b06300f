import { createHash, createHmac } from "node:crypto";

export interface Credential {
  accessKeyId: string;
  secretAccessKey: string;
}

export interface Request {
  method: string;
  path: string;
  service: string;
  headers?: Record<string, string>;
  body?: Uint8Array;
}

const region = "us-east-1";

/**
 * A whole HTTP/1.1 request as bytes, to be sent again and again: what is measured is the server, not a client. Signed when
 * a credential is given (valid for fifteen minutes), else it only names its service, which a server without keys accepts.
 */
export function requestBytes(url: string, request: Request, credential?: Credential): Buffer {
  const { method, path, service, body = new Uint8Array() } = request;
  const timestamp = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = `${timestamp.slice(0, 8)}/${region}/${service}/aws4_request`;
  const bodyHash = sha256(body);
  const headers: Record<string, string> = {
    host: new URL(url).host,
    "x-amz-date": timestamp,
    ...(service === "s3" ? { "x-amz-content-sha256": bodyHash } : {}),
    ...request.headers,
  };
  const names = Object.keys(headers).sort();
  const canonicalHeaders = names.map((name) => `${name}:${headers[name]}\n`).join("");
  const canonical = [method, path, "", canonicalHeaders, names.join(";"), bodyHash].join("\n");
  const toSign = `AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(canonical)}`;
  const key = scope
    .split("/")
    .reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${credential?.secretAccessKey}`);
  const signature = credential === undefined ? "0" : hmac(key, toSign).toString("hex");
  const identity = `Credential=${credential?.accessKeyId ?? "bench"}/${scope}`;
  const lines = [
    `${method} ${path} HTTP/1.1`,
    ...names.map((name) => `${name}: ${headers[name]}`),
    `authorization: AWS4-HMAC-SHA256 ${identity}, SignedHeaders=${names.join(";")}, Signature=${signature}`,
    `content-length: ${body.length}`,
    "",
    "",
  ];
  return Buffer.concat([Buffer.from(lines.join("\r\n")), body]);
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
