import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockPool, LineBlocks } from "./line-blocks.ts";

test("text comes back as its bytes, in order, whatever its letters and however long it is", () => {
  const lines = new LineBlocks(new BlockPool());
  const texts = ["plain\n", "Grüße, 猫\n", "x".repeat(3_000_000), "after\n"];
  const bytes = texts.map((text) => lines.add(text));
  assert.deepEqual(
    bytes.map((piece) => piece.toString()),
    texts,
  );
  assert.equal(Buffer.concat(lines.pieces).toString(), texts.join(""));
});

test("blocks that were released are used again, and no others", () => {
  const pool = new BlockPool();
  const first = new LineBlocks(pool);
  const other = new LineBlocks(pool);
  const released = first.add("first\n");
  const kept = other.add("other\n");
  first.release();
  const again = new LineBlocks(pool).add("again\n");
  assert.equal(again.buffer, released.buffer);
  assert.equal(kept.toString(), "other\n");
});
