import { closeSync, openSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { dataFault } from "./data-fault.ts";

const chunkBytes = 64 * 1024;
/** No path is longer by far: a file with such a line is none of text. */
const maxLineLength = 64 * 1024;

/** The lines of a UTF-8 file, without their ends (LF or CRLF) and without a byte order mark; a chunk of the file is in memory at a time. */
export function* linesOf(path: string): Generator<string, void> {
  const file = openSync(path, "r");
  try {
    const chunk = new Uint8Array(chunkBytes);
    const decoder = new StringDecoder("utf8");
    let rest = "";
    let isFirst = true;
    for (let at = 0; ; ) {
      const count = readSync(file, chunk, 0, chunkBytes, at);
      at += count;
      let text = count === 0 ? decoder.end() : decoder.write(chunk.subarray(0, count) as Buffer);
      if (isFirst) text = text.replace(/^\uFEFF/, "");
      isFirst = false;
      const lines = (rest + text).split("\n");
      rest = lines.pop() as string;
      for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
      if (rest.length > maxLineLength) throw dataFault(`${path} has a line of more than ${maxLineLength} characters`);
      if (count === 0) break;
    }
    if (rest !== "") yield rest;
  } finally {
    closeSync(file);
  }
}
