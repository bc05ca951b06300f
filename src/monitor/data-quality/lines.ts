/** Text as it arrives from a file or an object store: text, or UTF-8 that may be cut inside a character. */
export type TextChunks = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/** A capture of the largest request in base64, twice over. */
const longestLine = 32 * 1024 * 1024;

export async function* textOf(chunks: TextChunks): AsyncGenerator<string> {
  // A leading byte-order mark is left out by the decoder, and by hand where text comes.
  const decoder = new TextDecoder("utf-8");
  let isFirst = true;
  for await (const chunk of chunks) {
    const text = typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    if (text === "") continue;
    yield isFirst ? text.replace(/^\uFEFF/, "") : text;
    isFirst = false;
  }
  const rest = decoder.decode();
  if (rest !== "") yield rest;
}

/** Every line that is not empty, with its number from 1. */
export async function* linesOf(chunks: TextChunks): AsyncGenerator<{ text: string; line: number }> {
  let [begun, line] = ["", 0];
  for await (const text of textOf(chunks)) {
    const parts = text.split("\n");
    parts[0] = begun + parts[0];
    begun = parts.pop() as string;
    if (begun.length > longestLine) throw new RangeError(`line ${line + 1} is longer than ${longestLine} characters`);
    for (const part of parts) {
      line++;
      if (part.trim() !== "") yield { text: part, line };
    }
  }
  if (begun.trim() !== "") yield { text: begun, line: line + 1 };
}
