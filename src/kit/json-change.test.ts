import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "./json.ts";
import { applyChange, changeOf } from "./json-change.ts";

const shared = { deep: [1, { a: "b" }] };
const cases: { name: string; before: Json; after: Json }[] = [
  {
    name: "a member that is new, one that is another and one that is gone",
    before: { a: 1, b: 2 },
    after: { b: 3, c: 4 },
  },
  { name: "a list that grew", before: { list: [1, 2] }, after: { list: [1, 2, 3] } },
  { name: "a list that shrank", before: [1, 2, 3], after: [1] },
  { name: "a list that became an object", before: { x: [1] }, after: { x: { 0: 1 } } },
  { name: "null in place of an object", before: { x: { y: 1 } }, after: { x: null } },
  { name: "changes below what stays", before: { f: { a: shared, n: 1 } }, after: { f: { a: shared, n: 2 } } },
  { name: "changes deeper than are followed", before: [[[[[[[1]]]]]]], after: [[[[[[[2]]]]]]] },
  { name: "members named like our own words", before: {}, after: { v: 2, n: 3, o: [], a: {} } },
  { name: "members named like JavaScript's own", before: { toString: 1 }, after: { constructor: { a: 1 } } },
  { name: "a member that is no prototype", before: { a: 1 }, after: JSON.parse('{"__proto__":{"b":1}}') as Json },
];

for (const { name, before, after } of cases) {
  test(`a change written down and applied gives the later value: ${name}`, () => {
    const kept = structuredClone(before);
    const change = JSON.parse(JSON.stringify(changeOf(before, after)));
    assert.deepEqual(applyChange(before, change), after);
    assert.deepEqual(before, kept);
  });
}

test("values that share everything have not changed", () => {
  assert.equal(changeOf({ a: shared }, { a: shared }), undefined);
});

test("what is shared is not written down again", () => {
  const items = Array.from({ length: 1_000 }, (_, n) => ({ n }));
  const before = { items, results: [1, 2] };
  const change = changeOf(before, { ...before, results: [1, 2, { ok: true }] });
  assert.deepEqual(change, { o: { results: { n: 3, a: [[2, { v: { ok: true } }]] } } });
});
