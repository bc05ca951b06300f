import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "./pace.ts";

test("nothing is sent ahead before something was observed", () => {
  assert.equal(new Pace(() => 0).ahead(1), 0);
});

test("of a fast network another batch is sent ahead, and enough for twenty milliseconds with it", () => {
  assert.equal(paceOf({ pictures: 4, ms: 24 }).ahead(4), 4);
  assert.equal(paceOf({ pictures: 4, ms: 8 }).ahead(2), 8);
  assert.equal(paceOf({ pictures: 8, ms: 1 }).ahead(8), 14);
});

test("of a slow network nothing is sent ahead: what is sent can no longer go to whoever is free first", () => {
  assert.equal(paceOf({ pictures: 8, ms: 80 }).ahead(8), 0);
  assert.equal(paceOf({ pictures: 8, ms: 80 }).ahead(1), 1);
});

test("a worker that goes on is observed from its last answer", () => {
  let now = 0;
  const pace = new Pace(() => now);
  const worker = {};
  pace.begin(worker);
  now = 10;
  pace.end(worker, 1);
  now = 20;
  pace.end(worker, 1);
  assert.equal(pace.ahead(1), 1);
});

function paceOf({ pictures, ms }: { pictures: number; ms: number }): Pace {
  let now = 0;
  const pace = new Pace(() => now);
  const worker = {};
  pace.begin(worker);
  now = ms;
  pace.end(worker, pictures);
  return pace;
}
