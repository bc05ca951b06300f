import assert from "node:assert/strict";
import { test } from "node:test";
import type { Store } from "./store.ts";

export function logsConformance(name: string, open: () => Store): void {
  const check = (sentence: string, body: (store: Store) => void) =>
    test(`${name}: ${sentence}`, () => {
      const store = open();
      try {
        body(store);
      } finally {
        store.close();
      }
    });
  const lines = (...messages: string[]) => messages.map((message, index) => ({ timestampMs: 1000 + index, message }));

  check("appended lines are read in order with their place in the stream", ({ logs }) => {
    logs.append("g", "s", lines("one", "two"));
    logs.append("g", "s", lines("three"));
    const read = logs.read("g", "s", { from: 1, limit: 10 });
    assert.deepEqual(
      read.map(({ sequence, message }) => [sequence, message]),
      [
        [1, "two"],
        [2, "three"],
      ],
    );
  });

  check("reading backwards gives the last lines, still in ascending order", ({ logs }) => {
    logs.append("g", "s", lines("one", "two", "three", "four"));
    const read = logs.read("g", "s", { from: 2, limit: 2, backwards: true });
    assert.deepEqual(
      read.map(({ message }) => message),
      ["two", "three"],
    );
  });

  check("groups and streams are listed by prefix with sizes and times", ({ logs }) => {
    logs.append("/aws/lambda/f", "s1", lines("one", "two"));
    logs.createStream("/aws/lambda/f", "s2");
    logs.createGroup("/other");
    assert.deepEqual(
      logs.groups("/aws/").map((group) => [group.name, group.sizeBytes]),
      [["/aws/lambda/f", 6]],
    );
    assert.deepEqual(
      logs.streams("/aws/lambda/f", "s").map((stream) => [stream.name, stream.firstEventMs, stream.lastEventMs]),
      [
        ["s1", 1000, 1001],
        ["s2", undefined, undefined],
      ],
    );
  });

  check("creating what exists changes nothing", ({ logs }) => {
    logs.append("g", "s", lines("one"));
    logs.createGroup("g");
    logs.createStream("g", "s");
    assert.equal(logs.read("g", "s", { from: 0, limit: 10 }).length, 1);
  });

  check("a deleted group takes its lines along", ({ logs }) => {
    logs.append("g", "s", lines("one"));
    logs.deleteGroup("g");
    assert.deepEqual([logs.groups(""), logs.read("g", "s", { from: 0, limit: 10 })], [[], []]);
  });

  check("a deleted stream takes its lines along and leaves its neighbours", ({ logs }) => {
    logs.append("g", "s", lines("one"));
    logs.append("g", "t", lines("two"));
    logs.deleteStream("g", "s");
    const names = logs.streams("g", "").map(({ name }) => name);
    assert.deepEqual([names, logs.read("g", "s", { from: 0, limit: 10 })], [["t"], []]);
  });

  check("old lines of a group are dropped from all its streams, and no longer counted", ({ logs }) => {
    logs.append("g", "s", lines("one", "two", "three"));
    logs.append("g", "t", lines("one"));
    logs.append("h", "s", lines("one"));
    logs.deleteBefore("g", 1001);
    const left = logs.read("g", "s", { from: 0, limit: 10 }).map(({ sequence, message }) => [sequence, message]);
    assert.deepEqual(left, [
      [1, "two"],
      [2, "three"],
    ]);
    assert.deepEqual(logs.read("g", "t", { from: 0, limit: 10 }), []);
    assert.deepEqual(
      logs.groups("").map(({ sizeBytes }) => sizeBytes),
      [8, 3],
    );
    logs.append("g", "t", lines("four"));
    assert.equal(logs.read("g", "t", { from: 0, limit: 10 })[0]?.sequence, 1);
  });

  check("a stream that is not there reads as empty", ({ logs }) => {
    assert.deepEqual(logs.read("g", "s", { from: 0, limit: 10 }), []);
  });
}
