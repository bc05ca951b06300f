import type { Writable } from "node:stream";

/*
 * The words between gateway and worker: frames of a 4-byte length and a body; a body is a list of byte strings
 * (a 2-byte count, a 4-byte length each, then the bytes). Both ends are ours, so damage is a bug and throws.
 */

/** No frame is larger: a batch of the largest request bodies stays below it. */
const maxFrameBytes = 64 * 1024 * 1024;

/** Up to here a copy is cheaper than a write of several parts. */
const maxJoinedBytes = 64 * 1024;

/** Writes one frame; large items are not copied. */
export function writeFrame(stream: Writable, items: readonly Uint8Array[]): void {
  const bodyBytes = 2 + items.reduce((sum, item) => sum + 4 + item.length, 0);
  if (bodyBytes > maxFrameBytes) throw new RangeError(`a frame of ${bodyBytes} bytes is above ${maxFrameBytes}`);
  const isJoined = bodyBytes <= maxJoinedBytes;
  const frame = Buffer.allocUnsafe(isJoined ? 4 + bodyBytes : 6 + 4 * items.length);
  frame.writeUInt32BE(bodyBytes, 0);
  frame.writeUInt16BE(items.length, 4);
  let at = 6;
  if (isJoined) {
    for (const item of items) {
      frame.writeUInt32BE(item.length, at);
      frame.set(item, at + 4);
      at += 4 + item.length;
    }
    stream.write(frame);
    return;
  }
  stream.cork();
  stream.write(frame.subarray(0, 6));
  for (const item of items) {
    frame.writeUInt32BE(item.length, at);
    stream.write(frame.subarray(at, at + 4));
    stream.write(item);
    at += 4;
  }
  stream.uncork();
}

/** A function to feed with chunks as they arrive; it calls `onItems` once per complete frame. */
export function frameReader(onItems: (items: Uint8Array[]) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let receivedBytes = 0;
  return (chunk) => {
    chunks.push(chunk);
    receivedBytes += chunk.length;
    // Joining only when a frame is complete keeps large frames linear.
    while (receivedBytes >= 4) {
      if ((chunks[0] as Buffer).length < 4) chunks = [Buffer.concat(chunks)];
      const bodyBytes = (chunks[0] as Buffer).readUInt32BE(0);
      if (bodyBytes > maxFrameBytes) throw new RangeError(`a frame of ${bodyBytes} bytes is above ${maxFrameBytes}`);
      if (receivedBytes < 4 + bodyBytes) return;
      const joined = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      chunks = [joined.subarray(4 + bodyBytes)];
      receivedBytes -= 4 + bodyBytes;
      onItems(decodeItems(joined.subarray(4, 4 + bodyBytes)));
    }
  };
}

function decodeItems(body: Buffer): Uint8Array[] {
  const items: Uint8Array[] = [];
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left--) {
    const length = body.readUInt32BE(at);
    if (at + 4 + length > body.length) throw new RangeError("a frame's item is longer than the frame");
    items.push(body.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return items;
}
