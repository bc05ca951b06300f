import assert from "node:assert/strict";
import { test } from "node:test";
import type { CaptureRecord } from "./capture-record.ts";
import { driftWindow } from "./drift-window.ts";

/** One a second, the latest first. */
function records(count: number): CaptureRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    eventId: `event ${count - i}`,
    inferenceTime: "",
    inferenceTimeMs: 1000 * (count - i),
    line: 1,
  }));
}

function idsOf(found: ReturnType<typeof driftWindow>) {
  return (
    found && [found.reference[0], found.reference.at(-1), found.window[0], found.window.at(-1)].map((r) => r?.eventId)
  );
}

test("the latest requests are compared with those before them", () => {
  assert.deepEqual(idsOf(driftWindow(records(300), { size: 50 })), ["event 1", "event 250", "event 251", "event 300"]);
});

test("a window without a reference leaves two thirds to compare with", () => {
  assert.deepEqual(idsOf(driftWindow(records(90), { size: 50 })), ["event 1", "event 60", "event 61", "event 90"]);
});

test("with a reference every request may be in the window", () => {
  const found = driftWindow(records(40), { size: 100, reference: records(25) });
  assert.deepEqual([found?.reference.length, found?.window.length], [25, 40]);
});

test("too few requests are not compared", () => {
  assert.equal(driftWindow(records(29), { size: 50 }), undefined);
  assert.equal(driftWindow(records(9), { size: 50, reference: records(100) }), undefined);
  assert.equal(driftWindow(records(0), { size: 50, reference: records(100) }), undefined);
});

test("of very many requests a thousand are taken over the whole time", () => {
  const found = driftWindow(records(9000), { size: 2000 });
  assert.deepEqual([found?.reference.length, found?.window.length], [1000, 1000]);
  assert.deepEqual([found?.reference[0]?.eventId, found?.reference.at(-1)?.eventId], ["event 1", "event 6994"]);
});
