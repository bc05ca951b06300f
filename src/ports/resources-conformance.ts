import assert from "node:assert/strict";
import { test } from "node:test";
import type { Store } from "./store.ts";

export function resourcesConformance(name: string, open: () => Store): void {
  const check = (sentence: string, body: (store: Store) => void) =>
    test(`${name}: ${sentence}`, () => {
      const store = open();
      try {
        body(store);
      } finally {
        store.close();
      }
    });

  check("a resource that was never created is undefined", ({ resources }) => {
    assert.equal(resources.get("model", "m"), undefined);
  });

  check("a created resource is found again and cannot be created twice", ({ resources }) => {
    assert.equal(resources.create("model", "m", { a: 1 }), true);
    assert.equal(resources.create("model", "m", { a: 2 }), false);
    assert.deepEqual(resources.get("model", "m")?.value, { a: 1 });
  });

  check("kinds do not mix", ({ resources }) => {
    resources.put("model", "m", 1);
    assert.equal(resources.get("endpoint", "m"), undefined);
  });

  check("an update changes what is there, leaves it when told so, and creates nothing", ({ resources }) => {
    resources.put("model", "m", { n: 1 });
    assert.deepEqual(resources.update<{ n: number }>("model", "m", ({ n }) => ({ n: n + 1 }))?.value, { n: 2 });
    assert.deepEqual(resources.update<{ n: number }>("model", "m", () => undefined)?.value, { n: 2 });
    assert.equal(
      resources.update("model", "other", (value) => value),
      undefined,
    );
  });

  check("deleting says whether there was one", ({ resources }) => {
    resources.put("model", "m", 1);
    assert.deepEqual([resources.delete("model", "m"), resources.delete("model", "m")], [true, false]);
  });

  check("a list is in order of id, by prefix, in pages", ({ resources }) => {
    for (const id of ["b1", "a2", "a_", "a1", "a%"]) resources.put("model", id, id);
    const ids = (options: object) => resources.list("model", options).map(({ id }) => id);
    assert.deepEqual(ids({}), ["a%", "a1", "a2", "a_", "b1"]);
    assert.deepEqual(ids({ prefix: "a", after: "a1", limit: 1 }), ["a2"]);
    assert.deepEqual(ids({ prefix: "a_" }), ["a_"]);
  });

  check("a transaction that throws leaves nothing behind", ({ resources }) => {
    resources.put("model", "m", 1);
    resources.get("model", "m");
    assert.throws(() =>
      resources.transaction(() => {
        resources.put("model", "m", 2);
        resources.create("model", "n", 3);
        assert.deepEqual([resources.get("model", "m")?.value, resources.get("model", "n")?.value], [2, 3]);
        throw new Error("on purpose");
      }),
    );
    assert.deepEqual([resources.get("model", "m")?.value, resources.get("model", "n")], [1, undefined]);
  });

  check("what was given and what was answered can be changed without harm", ({ resources }) => {
    const value = { list: [1] };
    resources.put("model", "m", value);
    value.list.push(2);
    resources.get<{ list: number[] }>("model", "m")?.value.list.push(3);
    assert.deepEqual(resources.get("model", "m")?.value, { list: [1] });
  });
}
