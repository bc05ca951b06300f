// `multipart/form-data` as browsers send it for an upload: fields, then one file, whose bytes pass on as they come.
import type { Readable } from "node:stream";
import { Fault } from "../kit/fault.ts";

/** As S3: of everything before the file. */
const mostBytesBeforeFile = 20_000;

export interface ParsedForm {
  /** By name in lower case. */
  fields: Map<string, string>;
  fileName: string;
  /** Ends with the file; fails where the form breaks off before. */
  file: AsyncIterable<Uint8Array>;
  /** Lets go of the request, whatever of it has been read. */
  close(): Promise<void>;
}

export function boundaryOf(contentType: string): string | undefined {
  const match = /^multipart\/form-data\s*;.*\bboundary=(?:"([^"]{1,200})"|([^\s;]{1,200}))/i.exec(contentType);
  return match?.[1] ?? match?.[2];
}

/** Resolves when the file begins; what comes after it is not looked at. */
export async function readForm(request: Readable, boundary: string): Promise<ParsedForm> {
  const reader = new FormReader(request, boundary);
  try {
    const { fields, fileName } = await readFields(reader);
    return { fields, fileName, file: reader.content(), close: () => reader.close() };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

async function readFields(reader: FormReader): Promise<{ fields: Map<string, string>; fileName: string }> {
  const fields = new Map<string, string>();
  for (;;) {
    const part = await reader.nextPart();
    if (part === undefined) {
      throw new Fault("InvalidArgument", "POST requires exactly one file upload per request.", {
        members: { ArgumentName: "file", ArgumentValue: "0" },
      });
    }
    if (part.name === "file") return { fields, fileName: part.fileName };
    fields.set(part.name, await reader.text());
  }
}

class FormReader {
  readonly #pieces: AsyncIterator<Buffer>;
  /** What stands between two parts. */
  readonly #delimiter: Buffer;
  #held: Buffer;
  #isEnded = false;
  #bytesBeforeFile = 0;

  constructor(request: Readable, boundary: string) {
    // The request must outlive its reader, to be answered.
    this.#pieces = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
    // So that the first delimiter looks like all others.
    this.#held = Buffer.from("\r\n");
  }

  /** The head of the next part; undefined behind the last one. */
  async nextPart(): Promise<{ name: string; fileName: string } | undefined> {
    if (this.#isEnded) return undefined;
    await this.#until(this.#delimiter);
    const line = (await this.#until(lineEnd)).toString();
    if (line.startsWith("--")) {
      this.#isEnded = true;
      return undefined;
    }
    let disposition = "";
    for (;;) {
      const header = (await this.#until(lineEnd)).toString();
      if (header === "") break;
      if (/^content-disposition:/i.test(header)) disposition = header;
    }
    const name = parameter(disposition, "name");
    if (name === undefined) throw malformed("a part without a name");
    // Some browsers send the whole path of the file.
    const fileName = (parameter(disposition, "filename") ?? "").replace(/^.*[\\/]/, "");
    return { name: name.toLowerCase(), fileName };
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async text(): Promise<string> {
    const bytes = await this.#until(this.#delimiter, { isKept: true });
    return bytes.toString();
  }

  async *content(): AsyncGenerator<Uint8Array> {
    const delimiter = this.#delimiter;
    for (;;) {
      const at = this.#held.indexOf(delimiter);
      if (at !== -1) {
        if (at > 0) yield this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at);
        return;
      }
      // The beginning of a delimiter may be all that has come of it.
      const sure = this.#held.length - delimiter.length + 1;
      if (sure > 0) {
        yield this.#held.subarray(0, sure);
        this.#held = this.#held.subarray(sure);
      }
      await this.#more();
    }
  }

  /** What stands before `mark`, which is taken too unless it is kept. */
  async #until(mark: Buffer, { isKept = false } = {}): Promise<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at !== -1) {
        const before = this.#held.subarray(0, at);
        const end = isKept ? at : at + mark.length;
        this.#held = this.#held.subarray(end);
        this.#bytesBeforeFile += end;
        if (this.#bytesBeforeFile > mostBytesBeforeFile) throw tooLong();
        return before;
      }
      if (this.#held.length > mostBytesBeforeFile) throw tooLong();
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    const { value, done } = await this.#pieces.next();
    if (done) throw malformed("it ends before its last boundary");
    this.#held = this.#held.length === 0 ? value : Buffer.concat([this.#held, value]);
  }
}

const lineEnd = Buffer.from("\r\n");

function parameter(disposition: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;]+))`, "i").exec(disposition);
  return match?.[1]?.replace(/\\(.)/g, "$1") ?? match?.[2];
}

function malformed(reason: string): Fault {
  const message = "The body of your POST request is not well-formed multipart/form-data.";
  return new Fault("MalformedPOSTRequest", `${message} (${reason})`);
}

function tooLong(): Fault {
  return new Fault(
    "MaxPostPreDataLengthExceededError",
    "Your POST request fields preceding the upload file were too large.",
    { members: { MaxPostPreDataLength: mostBytesBeforeFile } },
  );
}
