import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { Fault } from "../kit/fault.ts";
import { boundaryOf, readForm } from "./form-upload.ts";

const bytes = Buffer.from("first line\r\n--not the boundary\r\n\r\n--boundar");
const form = Buffer.concat([
  Buffer.from('preamble\r\n--boundary\r\nContent-Disposition: form-data; name="Key"\r\n\r\nin/a\r\n'),
  Buffer.from("--boundary\r\ncontent-type: text/plain\r\ncontent-disposition: form-data; name=empty\r\n\r\n\r\n"),
  Buffer.from('--boundary\r\nContent-Disposition: form-data; name="file"; filename="C:\\\\a \\"b\\".png"\r\n\r\n'),
  bytes,
  Buffer.from('\r\n--boundary\r\nContent-Disposition: form-data; name="after"\r\n\r\nx\r\n--boundary--\r\n'),
]);

async function read(pieces: Buffer[]): Promise<unknown> {
  const { fields, fileName, file } = await readForm(Readable.from(pieces), "boundary");
  const content: Uint8Array[] = [];
  for await (const piece of file) content.push(piece);
  return { fields: [...fields], fileName, content: Buffer.concat(content).toString() };
}

function piecesOf(sizeBytes: number): Buffer[] {
  return Array.from({ length: Math.ceil(form.length / sizeBytes) }, (_, i) => {
    return form.subarray(i * sizeBytes, (i + 1) * sizeBytes);
  });
}

test("a form means the same however the network cuts it", async () => {
  const expected = {
    fields: [
      ["key", "in/a"],
      ["empty", ""],
    ],
    fileName: 'a "b".png',
    content: bytes.toString(),
  };
  for (let sizeBytes = 1; sizeBytes <= form.length; sizeBytes++) {
    assert.deepEqual(await read(piecesOf(sizeBytes)), expected, `in pieces of ${sizeBytes} bytes`);
  }
});

test("a form that breaks off fails, wherever it does", async () => {
  const end = form.indexOf('\r\n--boundary\r\nContent-Disposition: form-data; name="after"');
  for (let length = 0; length < end; length += 7) {
    await assert.rejects(read([form.subarray(0, length)]), { code: "MalformedPOSTRequest" });
  }
});

test("fields that never end are refused before they are held", async () => {
  const endless = Readable.from(
    (function* () {
      yield form.subarray(0, 40);
      for (;;) yield Buffer.alloc(1000, "a");
    })(),
  );
  await assert.rejects(readForm(endless, "boundary"), (error) => {
    assert.ok(error instanceof Fault);
    return error.code === "MaxPostPreDataLengthExceededError";
  });
});

test("the boundary may stand in quotes, and other bodies have none", () => {
  assert.equal(boundaryOf("multipart/form-data; boundary=----WebKit1"), "----WebKit1");
  assert.equal(boundaryOf('multipart/form-data; charset=utf-8; boundary="a b"'), "a b");
  assert.equal(boundaryOf("application/x-www-form-urlencoded"), undefined);
});
