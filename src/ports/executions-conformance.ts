import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExecutionCommit, Executions, NewExecution, Store, StoredEvent } from "./store.ts";

export function executionsConformance(name: string, open: () => Store): void {
  const check = (sentence: string, body: (executions: Executions) => Promise<void>) =>
    test(`${name}: ${sentence}`, async () => {
      const store = open();
      try {
        await body(store.executions);
      } finally {
        store.close();
      }
    });

  check("a started execution can be described, loaded and listed", async (executions) => {
    const { outcome } = await executions.start(newExecution("a"));
    assert.equal(outcome, "created");
    assert.equal(executions.describe("a")?.status, "RUNNING");
    assert.deepEqual(executions.describe("a")?.details, { name: "a" });
    assert.deepEqual(executions.load("a")?.body, { step: 1 });
    assert.equal(executions.definition("hash"), "{}");
    assert.deepEqual(ids(executions.list({ machine: "m", limit: 10 }).executions), ["a"]);
  });

  check("starting again with the same input is the same, with another a conflict", async (executions) => {
    await executions.start(newExecution("a"));
    assert.equal((await executions.start(newExecution("a"))).outcome, "same");
    assert.equal((await executions.start(newExecution("a", { input: "[]" }))).outcome, "conflict");
  });

  check("of two starts in one turn only one creates", async (executions) => {
    const outcomes = await Promise.all([executions.start(newExecution("a")), executions.start(newExecution("a"))]);
    assert.deepEqual(
      outcomes.map(({ outcome }) => outcome),
      ["created", "same"],
    );
  });

  check("the name of an ended execution is taken", async (executions) => {
    await executions.start(newExecution("a"));
    await executions.append(commit("a", { sequence: 1, status: "SUCCEEDED", body: undefined }));
    assert.equal((await executions.start(newExecution("a"))).outcome, "conflict");
  });

  check("a commit must follow the one its writer has seen", async (executions) => {
    await executions.start(newExecution("a"));
    assert.equal(await executions.append(commit("a", { sequence: 1, events: events(3) })), true);
    assert.equal(await executions.append(commit("a", { sequence: 1, events: events(4) })), false);
    assert.equal(await executions.append(commit("b", { sequence: 1 })), false);
    assert.deepEqual(ids(executions.history("a", { limit: 10 })), [1, 2, 3]);
  });

  check("events that do not follow those before are refused", async (executions) => {
    await executions.start(newExecution("a"));
    await assert.rejects(executions.append(commit("a", { sequence: 1, events: events(2) })), /does not follow/);
    await assert.rejects(executions.append(commit("a", { sequence: 1, events: events(4) })), /does not follow/);
    assert.equal(await executions.append(commit("a", { sequence: 1, events: events(3) })), true);
  });

  check("history is read from anywhere, in both directions", async (executions) => {
    await executions.start(newExecution("a", { events: events(1, 2, 3) }));
    await executions.append(commit("a", { sequence: 1, events: events(4, 5) }));
    await executions.append(commit("a", { sequence: 2, events: events(6) }));
    assert.deepEqual(ids(executions.history("a", { from: 3, limit: 2 })), [3, 4]);
    assert.deepEqual(ids(executions.history("a", { limit: 3, reverse: true })), [6, 5, 4]);
    assert.deepEqual(ids(executions.history("a", { from: 4, limit: 10, reverse: true })), [4, 3, 2, 1]);
    assert.deepEqual(ids(executions.history("unknown", { limit: 3 })), []);
  });

  check("lists are newest first, by status, in pages", async (executions) => {
    for (const id of ["a", "b", "c", "d"]) await executions.start(newExecution(id));
    await executions.start(newExecution("other", { machine: "n" }));
    await executions.append(commit("b", { sequence: 1, status: "FAILED", error: "E", cause: "C" }));
    const first = executions.list({ machine: "m", limit: 3 });
    assert.deepEqual(ids(first.executions), ["d", "c", "b"]);
    const second = executions.list({ machine: "m", limit: 3, after: first.next });
    assert.deepEqual([ids(second.executions), second.next], [["a"], undefined]);
    assert.deepEqual(ids(executions.list({ machine: "m", status: "RUNNING", limit: 2 }).executions), ["d", "c"]);
    assert.deepEqual(ids(executions.list({ machine: "m", status: "FAILED", limit: 2 }).executions), ["b"]);
  });

  check("lists keep the order of the starts, whichever was read first", async (executions) => {
    for (const id of ["a", "b"]) await executions.start(newExecution(id));
    executions.history("b", { limit: 1 });
    assert.deepEqual(ids(executions.list({ machine: "m", limit: 9 }).executions), ["b", "a"]);
  });

  check("running executions are found in pages", async (executions) => {
    for (const id of ["a", "b", "c"]) await executions.start(newExecution(id));
    await executions.append(commit("b", { sequence: 1, status: "ABORTED" }));
    assert.deepEqual(executions.running({ limit: 1 }), ["a"]);
    assert.deepEqual(executions.running({ limit: 5, after: "a" }), ["c"]);
  });

  check("those that a restart must take up are found as their last commit says", async (executions) => {
    for (const id of ["a", "b", "c"]) await executions.start(newExecution(id, { isActive: true }));
    await executions.append(commit("a", { sequence: 1 }));
    await executions.append(commit("b", { sequence: 1, isActive: true }));
    assert.deepEqual(executions.running({ limit: 9, isActive: true }), ["b", "c"]);
  });

  check("timers are due in order until their effect is closed", async (executions) => {
    const timers = [
      { effectId: "late", dueMs: 300 },
      { effectId: "soon", dueMs: 100 },
      { effectId: "later", dueMs: 400 },
    ];
    await executions.start(newExecution("a", { timers }));
    assert.equal(executions.nextDue(), 100);
    assert.deepEqual(
      executions.dueTimers(300, 10).map(({ effectId }) => effectId),
      ["soon", "late"],
    );
    await executions.append(commit("a", { sequence: 1, closed: ["soon"], timers: [{ effectId: "late", dueMs: 500 }] }));
    assert.deepEqual(
      executions.dueTimers(999, 10).map(({ effectId, dueMs }) => [effectId, dueMs]),
      [
        ["later", 400],
        ["late", 500],
      ],
    );
    await executions.append(commit("a", { sequence: 2, status: "SUCCEEDED", body: undefined }));
    assert.equal(executions.nextDue(), undefined);
  });

  check("a token leads to its effect and closes with it", async (executions) => {
    await executions.start(newExecution("a", { tokens: [{ token: "t", effectId: "e" }] }));
    assert.deepEqual(executions.token("t"), { id: "a", effectId: "e", isClosed: false });
    await executions.append(commit("a", { sequence: 1, closed: ["e"] }));
    assert.equal(executions.token("t")?.isClosed, true);
    assert.equal(executions.token("unknown"), undefined);
  });

  check("outgoing messages wait in order until they are delivered", async (executions) => {
    await executions.start(newExecution("a", { outbox: [{ n: 1 }] }));
    await executions.append(commit("a", { sequence: 1, outbox: [{ n: 2 }, { n: 3 }] }));
    const [first, second] = executions.outbox(2);
    assert.deepEqual([first?.message, second?.message], [{ n: 1 }, { n: 2 }]);
    await executions.delivered([first?.id as number, second?.id as number]);
    assert.deepEqual(
      executions.outbox(10).map(({ message }) => message),
      [{ n: 3 }],
    );
  });

  check("a redriven execution runs again and counts it", async (executions) => {
    await executions.start(newExecution("a"));
    await executions.append(commit("a", { sequence: 1, status: "FAILED", error: "E", stoppedMs: 5 }));
    await executions.append(commit("a", { sequence: 2, redrive: { atMs: 7 } }));
    const record = executions.describe("a");
    assert.deepEqual(
      [record?.status, record?.redriveCount, record?.redrivenMs, record?.error, record?.stoppedMs],
      ["RUNNING", 1, 7, undefined, undefined],
    );
  });

  check("executions that ended long ago are pruned, piece by piece", async (executions) => {
    for (const id of ["a", "b", "c", "d"]) await executions.start(newExecution(id));
    await executions.append(commit("a", { sequence: 1, status: "SUCCEEDED", body: undefined, stoppedMs: 10 }));
    await executions.append(commit("c", { sequence: 1, status: "FAILED", stoppedMs: 10 }));
    await executions.append(commit("d", { sequence: 1, status: "SUCCEEDED", body: undefined, stoppedMs: 30 }));
    const after = executions.prune({ endedBeforeMs: 20, limit: 2 });
    assert.notEqual(after, undefined);
    assert.equal(executions.prune({ endedBeforeMs: 20, limit: 9, after }), undefined);
    assert.deepEqual(ids(executions.list({ machine: "m", limit: 9 }).executions), ["d", "b"]);
    assert.deepEqual([executions.describe("a"), executions.history("c", { limit: 1 })], [undefined, []]);
    assert.equal((await executions.start(newExecution("a"))).outcome, "created");
  });

  check("only an ended execution can be forgotten, and then nothing is left", async (executions) => {
    await executions.start(newExecution("a"));
    await assert.rejects(executions.forget("a"), /still runs/);
    await executions.append(commit("a", { sequence: 1, status: "SUCCEEDED", body: undefined }));
    await executions.forget("a");
    assert.deepEqual([executions.describe("a"), executions.history("a", { limit: 1 })], [undefined, []]);
  });
}

function newExecution(id: string, rest: Partial<NewExecution> = {}): NewExecution {
  return {
    id,
    machine: "m",
    definition: { hash: "hash", text: "{}" },
    input: "{}",
    startedMs: 1,
    details: { name: id },
    status: "RUNNING",
    body: { step: 1 },
    events: events(1, 2),
    ...rest,
  };
}

function commit(id: string, rest: Partial<ExecutionCommit> & { sequence: number }): ExecutionCommit {
  return { id, status: "RUNNING", body: { step: 2 }, events: [], ...rest };
}

function events(...numbers: number[]): StoredEvent[] {
  return numbers.map((id) => ({ id }));
}

function ids<Id>(things: readonly { id: Id }[]): Id[] {
  return things.map(({ id }) => id);
}
