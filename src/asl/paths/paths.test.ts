import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../kit/json.ts";
import { compilePath, PathMiss } from "./read.ts";
import { compileReference } from "./reference.ts";

/* Jayway's answers, as the States Language has them. */

const store: Json = {
  books: [
    { title: "A", price: 8, tags: ["x", "y"] },
    { title: "B", price: "12", isbn: "1" },
    { title: "C", price: 22, isbn: "2" },
  ],
  bike: { price: 19, "odd name": 1 },
  list: [0, 1, 2, 3, 4],
  empty: {},
};

const found: Record<string, Json> = {
  $: store,
  "$.bike.price": 19,
  "$['bike']['price']": 19,
  '$["bike"].price': 19,
  "$.bike['odd name']": 1,
  "$.list[0]": 0,
  "$.list[-1]": 4,
  "$.list[1,3,9]": [1, 3],
  "$.list[1:3]": [1, 2],
  "$.list[:2]": [0, 1],
  "$.list[3:]": [3, 4],
  "$.list[-2:]": [3, 4],
  "$.list[*]": [0, 1, 2, 3, 4],
  "$.books[*].title": ["A", "B", "C"],
  "$..isbn": ["1", "2"],
  "$.books[?(@.price > 10)].title": ["B", "C"],
  "$.books[?(@.price == 12)].title": ["B"],
  "$.books[?(@.isbn)].title": ["B", "C"],
  "$.books[?(!@.isbn)].title": ["A"],
  "$.books[?(@.price < 10 || @.title == 'C')].title": ["A", "C"],
  "$.books[?(@.price > $.bike.price && @.isbn in ['2', '3'])].title": ["C"],
  "$.books[?(@.title =~ /[ab]/i)].title": ["A", "B"],
  "$.books[?(@.title nin ['A'])].title": ["B", "C"],
  "$.bike['price','odd name']": { price: 19, "odd name": 1 },
  "$.empty[*]": [],
  "$.nope[*]": [],
  "$..nope": [],
  "$.books[*]['title','price']": [
    { title: "A", price: 8 },
    { title: "B", price: "12" },
    { title: "C", price: 22 },
  ],
};

for (const [text, value] of Object.entries(found)) {
  test(`${text} finds what Jayway finds`, () => assert.deepEqual(compilePath(text).read(store), value));
}

const misses: Record<string, string> = {
  "$.nope": "Invalid path '$.nope' : No results for path: $['nope']",
  "$.nope.more": "Invalid path '$.nope.more' : Missing property in path $['nope']",
  "$.list[9]": "Invalid path '$.list[9]' : No results for path: $['list'][9]",
  "$.books.title": "Invalid path '$.books.title' : No results for path: $['books']['title']",
  "$.bike.toString": "Invalid path '$.bike.toString' : No results for path: $['bike']['toString']",
};

for (const [text, message] of Object.entries(misses)) {
  test(`${text} leads nowhere and says so`, () => {
    assert.throws(
      () => compilePath(text).read(store),
      (error) => error instanceof PathMiss && error.message === message,
    );
  });
}

test("what is no path is refused when it is compiled", () => {
  const wrong = [
    "",
    "a",
    "$.",
    "$..",
    "$.a.",
    "$.a[",
    "$.a[]",
    "$.a[:]",
    "$.a[2147483648]",
    "$.a['b]",
    "$.a[?(@.b)",
    "$.a[?(1)]",
    "$.a.length()",
    "$ .a",
    "$.a[?(@.b =~ /(/)]",
  ];
  for (const text of wrong) assert.throws(() => compilePath(text), `'${text}' was accepted`);
});

test("paths start at the data, the context or a variable", () => {
  assert.deepEqual(
    ["$.a", "$$.a", "$name.a", "$"].map((text) => compilePath(text).root),
    ["data", "context", { variable: "name" }, "data"],
  );
});

test("a write shares everything it does not touch", () => {
  const target = { a: { b: 1 }, c: { d: [1, 2] } };
  const written = compileReference("$.c.e")(target, 5) as typeof target;
  assert.deepEqual(written, { a: { b: 1 }, c: { d: [1, 2], e: 5 } });
  assert.equal(written.a, target.a);
  assert.equal(written.c.d, target.c.d);
  assert.deepEqual(target, { a: { b: 1 }, c: { d: [1, 2] } });
});

test("only names and single indices can be written to", () => {
  for (const text of ["$.a[*]", "$..a", "$.a[1:2]", "$.a['b','c']", "$$.a", "$name.a", "$.a[?(@.b)]"]) {
    assert.throws(() => compileReference(text), `'${text}' was accepted`);
  }
});

test("a filter nested beyond reason is refused, not followed", () => {
  assert.throws(() => compilePath(`$.a[?(${"(".repeat(100_000)}@.b${")".repeat(100_000)})]`), /nested too deeply/);
});

test("a hostile regular expression in a filter is given up", () => {
  const path = compilePath("$[?(@ =~ /(a+)+b/)]");
  assert.throws(() => path.read([`${"a".repeat(60)}!`]), /needs more than/);
});
