import assert from "node:assert/strict";
import { test } from "node:test";
import { compilePattern, PatternError } from "./event-pattern.ts";
import type { Json } from "./json.ts";

/** [what is promised, pattern, events that match, events that do not] */
const cases: [string, Json, Json[], Json[]][] = [
  [
    "exact values match by type",
    { a: ["x", 1, true, null] },
    [{ a: "x" }, { a: 1 }, { a: true }, { a: null }],
    [{ a: "1" }, {}, { a: "X" }],
  ],
  ["all keys must match", { a: [1], b: { c: [2] } }, [{ a: 1, b: { c: 2 }, d: 3 }], [{ a: 1 }, { a: 1, b: { c: 3 } }]],
  ["a list matches by any of its elements", { a: ["x"] }, [{ a: ["y", "x"] }], [{ a: ["y"] }, { a: [] }]],
  ["a list of objects stands for each", { a: { b: [1] } }, [{ a: [{ b: 0 }, { b: 1 }] }], [{ a: [{ b: 0 }] }]],
  ["prefix", { a: [{ prefix: "ab" }] }, [{ a: "abc" }], [{ a: "ba" }, { a: 1 }]],
  ["prefix without regard to case", { a: [{ prefix: { "equals-ignore-case": "AB" } }] }, [{ a: "abc" }], [{ a: "ba" }]],
  ["suffix", { a: [{ suffix: ".png" }] }, [{ a: "x.png" }], [{ a: "x.PNG" }]],
  ["equals-ignore-case", { a: [{ "equals-ignore-case": "Ab" }] }, [{ a: "aB" }], [{ a: "abc" }]],
  [
    "anything-but",
    { a: [{ "anything-but": ["x", 1] }] },
    [{ a: "y" }, { a: 2 }, { a: ["x", "y"] }],
    [{ a: "x" }, { a: 1 }, {}],
  ],
  ["anything-but with a prefix", { a: [{ "anything-but": { prefix: "x" } }] }, [{ a: "y" }], [{ a: "xy" }]],
  [
    "anything-but with suffixes",
    { a: [{ "anything-but": { suffix: ["x", "y"] } }] },
    [{ a: "z" }],
    [{ a: "ax" }, { a: "ay" }],
  ],
  ["numeric", { a: [{ numeric: [">", 0, "<=", 5] }] }, [{ a: 5 }, { a: 0.1 }], [{ a: 0 }, { a: 6 }, { a: "3" }]],
  ["numeric equality", { a: [{ numeric: ["=", 3.0] }] }, [{ a: 3 }], [{ a: 4 }]],
  ["exists", { a: [{ exists: true }] }, [{ a: null }, { a: 0 }], [{}, { a: { b: 1 } }]],
  ["exists false", { a: { b: [{ exists: false }] } }, [{ a: {} }, {}, { a: { c: 1 } }], [{ a: { b: 1 } }]],
  [
    "wildcard",
    { a: [{ wildcard: "d/*/x*.png" }] },
    [{ a: "d/1/2/xy.png" }, { a: "d//x.png" }],
    [{ a: "d/x.png" }, { a: "d/1/x.jpg" }],
  ],
  ["an escaped wildcard", { a: [{ wildcard: "a\\*b*" }] }, [{ a: "a*bc" }], [{ a: "axbc" }]],
  ["cidr", { a: [{ cidr: "10.1.0.0/16" }] }, [{ a: "10.1.2.3" }], [{ a: "10.2.0.1" }, { a: "x" }, { a: "::1" }]],
  ["cidr of version 6", { a: [{ cidr: "2001:db8::/32" }] }, [{ a: "2001:db8:1::1" }], [{ a: "2001:db9::1" }]],
  [
    "$or beside other keys",
    { s: ["x"], $or: [{ a: [1] }, { b: [2] }] },
    [
      { s: "x", a: 1 },
      { s: "x", b: 2 },
    ],
    [{ s: "x" }, { a: 1 }],
  ],
];

for (const [promise, pattern, matching, others] of cases) {
  test(`a pattern matches by ${promise}`, () => {
    const matches = compilePattern(pattern);
    assert.deepEqual(
      matching.map(matches),
      matching.map(() => true),
    );
    assert.deepEqual(
      others.map(matches),
      others.map(() => false),
    );
  });
}

const refused: Json[] = [
  {},
  [],
  "x",
  { a: "x" },
  { a: [] },
  { a: {} },
  { a: [[1]] },
  { a: [{ unknown: 1 }] },
  { a: [{ prefix: 1 }] },
  { a: [{ numeric: [">"] }] },
  { a: [{ numeric: ["~", 1] }] },
  { a: [{ numeric: [">", 5, "<", 1] }] },
  { a: [{ exists: "yes" }] },
  { a: [{ prefix: "a", suffix: "b" }] },
  { a: [{ wildcard: "a**b" }] },
  { a: [{ cidr: "1.2.3/8" }] },
  { a: [{ "anything-but": [] }] },
  { $or: [{ a: [1] }] },
];

for (const pattern of refused) {
  test(`the pattern ${JSON.stringify(pattern)} is refused`, () => {
    assert.throws(() => compilePattern(pattern), PatternError);
  });
}
