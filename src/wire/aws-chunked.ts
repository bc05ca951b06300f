// `aws-chunked` bodies: `<hex size>[;chunk-signature=<hex>]\r\n<bytes>\r\n ... 0[;...]\r\n<trailers>\r\n\r\n`.
// Bytes pass on as they come; a chunk whose signature is wrong is known at its end, and the whole body fails then.
import { createHash, type Hash } from "node:crypto";
import { Transform, type TransformCallback } from "node:stream";
import { Fault } from "../kit/fault.ts";
import { emptyHash, isEqual, mismatch, type Signed, sha256 } from "./signatures.ts";

/** Longer lines are no chunk heads or trailers of any client. */
const maxLineBytes = 4096;
const maxTrailers = 16;

export interface ChunkedOptions {
  /** Checks each chunk's signature against this. */
  signed: Signed | undefined;
  onTrailer: (name: string, value: string) => void;
}

export class ChunkedDecoder extends Transform {
  readonly #options: ChunkedOptions;
  #state: "head" | "data" | "data-end" | "trailer" | "done" = "head";
  #line = "";
  #remaining = 0;
  #chunkSignature: string | undefined;
  #previousSignature: string;
  #hash: Hash | undefined;
  #trailers = "";
  #trailerCount = 0;

  constructor(options: ChunkedOptions) {
    super();
    this.#options = options;
    this.#previousSignature = options.signed?.signature ?? "";
  }

  override _transform(bytes: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.#read(bytes);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    if (this.#state === "done" || (this.#state === "trailer" && this.#line === "")) {
      try {
        if (this.#state === "trailer") this.#finish();
        done();
      } catch (error) {
        done(error as Error);
      }
      return;
    }
    done(new Fault("IncompleteBody", "The request body terminated unexpectedly"));
  }

  #read(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      switch (this.#state) {
        case "data": {
          const part = bytes.subarray(at, at + this.#remaining);
          this.#hash?.update(part);
          this.push(part);
          at += part.length;
          this.#remaining -= part.length;
          if (this.#remaining === 0) {
            this.#checkChunk();
            this.#state = "data-end";
          }
          break;
        }
        case "done":
          at = bytes.length;
          break;
        default: {
          const end = bytes.indexOf(10, at);
          const stop = end === -1 ? bytes.length : end;
          this.#line += bytes.toString("latin1", at, stop);
          if (this.#line.length > maxLineBytes) throw malformed();
          at = stop + 1;
          if (end !== -1) {
            const line = this.#line.replace(/\r$/, "");
            this.#line = "";
            this.#readLine(line);
          }
        }
      }
    }
  }

  #readLine(line: string): void {
    switch (this.#state) {
      case "head": {
        const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
        if (match === null) throw malformed();
        this.#remaining = Number.parseInt(match[1] as string, 16);
        this.#chunkSignature = match[2];
        this.#hash = this.#options.signed === undefined ? undefined : createHash("sha256");
        if (this.#remaining > 0) this.#state = "data";
        else {
          this.#checkChunk();
          this.#state = "trailer";
        }
        break;
      }
      case "data-end":
        if (line !== "") throw malformed();
        this.#state = "head";
        break;
      default: {
        if (line === "") {
          this.#finish();
          return;
        }
        const at = line.indexOf(":");
        this.#trailerCount++;
        if (at === -1 || this.#trailerCount > maxTrailers) throw malformed();
        const name = line.slice(0, at).trim().toLowerCase();
        const value = line.slice(at + 1).trim();
        if (name === "x-amz-trailer-signature") this.#checkTrailers(value);
        else {
          this.#trailers += `${name}:${value}\n`;
          this.#options.onTrailer(name, value);
        }
      }
    }
  }

  #finish(): void {
    this.#state = "done";
  }

  #checkChunk(): void {
    const { signed } = this.#options;
    if (signed === undefined || this.#hash === undefined) return;
    const toSign = [
      "AWS4-HMAC-SHA256-PAYLOAD",
      signed.timestamp,
      signed.scope,
      this.#previousSignature,
      emptyHash,
      this.#hash.digest("hex"),
    ].join("\n");
    this.#compare(toSign, this.#chunkSignature ?? "", signed);
  }

  #checkTrailers(signature: string): void {
    const { signed } = this.#options;
    if (signed === undefined) return;
    const head = ["AWS4-HMAC-SHA256-TRAILER", signed.timestamp, signed.scope, this.#previousSignature];
    this.#compare([...head, sha256(this.#trailers)].join("\n"), signature, signed);
  }

  #compare(toSign: string, signature: string, { signingKey }: Signed): void {
    const expected = signingKey(toSign);
    if (!isEqual(expected, signature)) throw mismatch("restXml");
    this.#previousSignature = expected;
  }
}

function malformed(): Fault {
  return new Fault("InvalidChunkSizeError", "the body is not the aws-chunked stream that its head says");
}
