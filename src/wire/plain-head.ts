// The head of a request in its plainest form, which is how every SDK writes it. What deviates by one byte is not taken: it is
// for node:http to judge. So two parsers never disagree about where a request ends, which is what smuggling lives on.

export interface PlainHead {
  target: string;
  /** Names in lower case, each once. */
  headers: Record<string, string>;
  /** With the empty line. */
  headBytes: number;
  bodyBytes: number;
}

/** A tenth of what node:http takes; signed requests have some 600 bytes. */
const maxHeadBytes = 8 * 1024;
const maxHeaders = 40;

const requestLine = /^POST (\/[A-Za-z0-9/_.-]*) HTTP\/1\.1$/;
const headerLine = /^([A-Za-z0-9-]+):[ \t]*([!-~](?:[ -~]*[!-~])?)$/;
const headEnd = Buffer.from("\r\n\r\n");

/** These change how a request is framed, answered or read. */
const notPlain = new Set([
  "connection",
  "content-encoding",
  "cookie",
  "expect",
  "keep-alive",
  "proxy-connection",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Undefined when the head is not whole, not plain, or has more than `maxBodyBytes` behind it. */
export function readPlainHead(bytes: Buffer, maxBodyBytes: number): PlainHead | undefined {
  const end = bytes.indexOf(headEnd);
  if (end === -1 || end > maxHeadBytes) return undefined;
  const text = bytes.toString("latin1", 0, end);
  const lines = text.split("\r\n");
  if (lines.length > maxHeaders) return undefined;
  const target = requestLine.exec(lines[0] as string)?.[1];
  if (target === undefined) return undefined;
  const headers: Record<string, string> = {};
  for (let i = 1; i < lines.length; i++) {
    const match = headerLine.exec(lines[i] as string);
    if (match === null) return undefined;
    const name = (match[1] as string).toLowerCase();
    const value = match[2] as string;
    if (headers[name] !== undefined) return undefined;
    if (notPlain.has(name) && !(name === "connection" && value.toLowerCase() === "keep-alive")) return undefined;
    headers[name] = value;
  }
  const length = headers["content-length"];
  if (headers["host"] === undefined || length === undefined || !/^(?:0|[1-9]\d{0,8})$/.test(length)) return undefined;
  const bodyBytes = Number(length);
  return bodyBytes > maxBodyBytes ? undefined : { target, headers, headBytes: end + 4, bodyBytes };
}
