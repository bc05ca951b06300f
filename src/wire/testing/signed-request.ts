import { createHash, createHmac } from "node:crypto";

/** A signed request to the SageMaker runtime, written by hand from the rules of Signature Version 4. */
export function requestBytes(
  url: string,
  { path, body }: { path: string; body: string },
  { accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string },
): string {
  const timestamp = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = `${timestamp.slice(0, 8)}/us-east-1/sagemaker/aws4_request`;
  const { host } = new URL(url);
  const canonical = `POST\n${path}\n\nhost:${host}\nx-amz-date:${timestamp}\n\nhost;x-amz-date\n${sha256(body)}`;
  const key = scope.split("/").reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(canonical)}`).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}`;
  const lines = [
    `POST ${path} HTTP/1.1`,
    `host: ${host}`,
    `x-amz-date: ${timestamp}`,
    `authorization: ${authorization}`,
    `content-length: ${body.length}`,
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
