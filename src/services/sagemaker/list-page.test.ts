import assert from "node:assert/strict";
import { test } from "node:test";
import { listPage } from "./list-page.ts";

const items = [1, 2, 3].map((number) => ({ name: `job-${number}`, createdMs: number, modifiedMs: number }));

test("pages follow each other to the end, whatever is deleted in between", () => {
  const first = listPage(items, { MaxResults: 2 }, "Ascending");
  const rest = listPage(items.slice(2), { MaxResults: 2, NextToken: first.NextToken as string }, "Ascending");
  assert.deepEqual(first.page, items.slice(0, 2));
  assert.deepEqual([rest.page, rest.NextToken], [items.slice(2), undefined]);
});

test("an order that there is not is refused, also one that every object has", () => {
  for (const SortBy of ["Size", "__proto__", "constructor"]) {
    assert.throws(() => listPage(items, { SortBy }, "Ascending"), { code: "ValidationException" });
  }
});
