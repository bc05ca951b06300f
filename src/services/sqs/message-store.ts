import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Resources } from "../../ports/resources.ts";
import type { StoredMessage } from "./message.ts";

/*
 * The messages of all queues: rows in resources, and for each queue that is used an index of which rows can be received.
 *
 * Q1. An answered send is a row; only a delete, a purge, a move to the dead-letter queue or its age removes it.
 * Q2. A receive is written before it is answered, so what was received often enough moves on also over crashes.
 */
const kind = "sqs:message";
const pageSize = 500;

export interface QueueRules {
  name: string;
  arn: string;
  retentionMs: number;
  redrive?: { queueName: string; mostReceives: number };
}

export interface Received {
  handle: string;
  message: StoredMessage;
}

export interface MessageStore {
  send(queueName: string, messages: readonly StoredMessage[]): void;
  /** Takes up to `most` messages, waiting up to `waitMs` for the first. */
  receive(rules: QueueRules, options: ReceiveOptions): Promise<Received[]>;
  /** A message that is gone, or was received again since, is left alone. */
  remove(queueName: string, handle: string): void;
  /** Whether the message was in flight under this handle. */
  hide(queueName: string, handle: string, forMs: number): boolean;
  purge(queueName: string): void;
  counts(queueName: string): { ready: number; inFlight: number; delayed: number };
  /** The queues that were asked for anything since the start. */
  inUse(): string[];
  close(): void;
}

export interface ReceiveOptions {
  most: number;
  hideMs: number;
  waitMs: number;
  signal: AbortSignal;
  /** Whether the queue that the dead letters go to is there. */
  hasQueue: (name: string) => boolean;
}

interface QueueIndex {
  /** In the order in which they became visible. */
  ready: Set<string>;
  hidden: Map<string, { visibleAtMs: number; isDelayed: boolean }>;
  /** Nothing hidden is due before. */
  nextDueMs: number;
  waiting: Set<() => void>;
}

export function messageStore(options: { resources: Resources; clock: Clock; mostMessages: number }): MessageStore {
  const { resources, clock } = options;
  const indexes = new Map<string, QueueIndex>();
  let sent = 0;
  let isClosed = false;

  function indexOf(queueName: string): QueueIndex {
    const known = indexes.get(queueName);
    if (known) return known;
    const index: QueueIndex = {
      ready: new Set(),
      hidden: new Map(),
      nextDueMs: Number.POSITIVE_INFINITY,
      waiting: new Set(),
    };
    // In pages: only ids stay in memory, however much waits.
    const page = (after?: string) =>
      resources.list<StoredMessage>(kind, { prefix: `${queueName}/`, after, limit: pageSize });
    for (let rows = page(); rows.length > 0; rows = page(rows.at(-1)?.id)) {
      for (const { id, value } of rows) place(index, id, value);
    }
    indexes.set(queueName, index);
    return index;
  }

  function place(index: QueueIndex, id: string, message: StoredMessage): void {
    index.ready.delete(id);
    index.hidden.delete(id);
    if (message.visibleAtMs <= clock.now()) index.ready.add(id);
    else {
      index.hidden.set(id, { visibleAtMs: message.visibleAtMs, isDelayed: message.receiveCount === 0 });
      index.nextDueMs = Math.min(index.nextDueMs, message.visibleAtMs);
    }
  }

  function forget(index: QueueIndex, id: string): void {
    index.ready.delete(id);
    index.hidden.delete(id);
  }

  function wake(index: QueueIndex): void {
    for (const callback of [...index.waiting]) callback();
  }

  function showDue(index: QueueIndex): void {
    const nowMs = clock.now();
    if (nowMs < index.nextDueMs) return;
    index.nextDueMs = Number.POSITIVE_INFINITY;
    for (const [id, { visibleAtMs }] of index.hidden) {
      if (visibleAtMs <= nowMs) {
        index.hidden.delete(id);
        index.ready.add(id);
      } else index.nextDueMs = Math.min(index.nextDueMs, visibleAtMs);
    }
  }

  function take(rules: QueueRules, { most, hideMs, hasQueue }: ReceiveOptions): Received[] {
    const index = indexOf(rules.name);
    showDue(index);
    const nowMs = clock.now();
    const taken: Received[] = [];
    // Rows first, index after: what throws here leaves both as they were.
    const settled: (() => void)[] = [];
    resources.transaction(() => {
      for (const id of index.ready) {
        if (taken.length === most) break;
        const message = resources.get<StoredMessage>(kind, id)?.value;
        if (message === undefined || message.sentMs + rules.retentionMs <= nowMs) {
          resources.delete(kind, id);
          settled.push(() => forget(index, id));
          continue;
        }
        const { redrive } = rules;
        if (redrive && message.receiveCount >= redrive.mostReceives && hasQueue(redrive.queueName)) {
          resources.delete(kind, id);
          const { receipt: _, ...moved } = message;
          const dead = { ...moved, receiveCount: 0, visibleAtMs: nowMs, deadLetterSource: rules.arn };
          const deadId = write(redrive.queueName, dead);
          settled.push(() => {
            forget(index, id);
            const target = indexOf(redrive.queueName);
            place(target, deadId, dead);
            wake(target);
          });
          continue;
        }
        const received: StoredMessage = {
          ...message,
          receiveCount: message.receiveCount + 1,
          firstReceivedMs: message.firstReceivedMs ?? nowMs,
          visibleAtMs: nowMs + hideMs,
          receipt: clock.uuid(),
        };
        resources.put(kind, id, received);
        settled.push(() => place(index, id, received));
        taken.push({ handle: toHandle(id, received.receipt as string), message: received });
      }
    });
    for (const settle of settled) settle();
    return taken;
  }

  function write(queueName: string, message: StoredMessage): string {
    // In order of time, and apart from those of an earlier process in the same millisecond.
    const place = `${clock.now().toString(16).padStart(12, "0")}-${(++sent).toString(16).padStart(8, "0")}`;
    const id = `${queueName}/${place}-${message.messageId}`;
    resources.put(kind, id, message);
    return id;
  }

  /** The row of a handle, if the handle is that of its last receive. */
  function rowOf(queueName: string, handle: string): { id: string; message: StoredMessage } | undefined {
    const { id, receipt } = fromHandle(queueName, handle);
    const message = resources.get<StoredMessage>(kind, id)?.value;
    return message?.receipt === receipt ? { id, message } : undefined;
  }

  return {
    send(queueName, messages) {
      const index = indexOf(queueName);
      const { ready, hidden } = index;
      if (ready.size + hidden.size + messages.length > options.mostMessages) {
        throw new Fault("OverLimit", `the queue "${queueName}" holds ${options.mostMessages} messages already`, {
          status: 403,
        });
      }
      const ids = resources.transaction(() => messages.map((message) => write(queueName, message)));
      ids.forEach((id, i) => {
        place(index, id, messages[i] as StoredMessage);
      });
      wake(index);
    },

    async receive(rules, receive) {
      const untilMs = clock.now() + receive.waitMs;
      for (;;) {
        const taken = take(rules, receive);
        if (taken.length > 0 || clock.now() >= untilMs || receive.signal.aborted || isClosed) return taken;
        if (!receive.hasQueue(rules.name)) return [];
        const index = indexOf(rules.name);
        await changed(index, Math.min(untilMs, index.nextDueMs), receive.signal);
      }
    },

    remove(queueName, handle) {
      const row = rowOf(queueName, handle);
      if (row === undefined) return;
      resources.delete(kind, row.id);
      forget(indexOf(queueName), row.id);
    },

    hide(queueName, handle, forMs) {
      const row = rowOf(queueName, handle);
      const index = indexOf(queueName);
      showDue(index);
      if (row === undefined || !index.hidden.has(row.id)) return false;
      const changedMessage = { ...row.message, visibleAtMs: clock.now() + forMs };
      resources.put(kind, row.id, changedMessage);
      place(index, row.id, changedMessage);
      wake(index);
      return true;
    },

    purge(queueName) {
      const index = indexOf(queueName);
      resources.transaction(() => {
        for (const id of [...index.ready, ...index.hidden.keys()]) resources.delete(kind, id);
      });
      indexes.delete(queueName);
      wake(index);
    },

    counts(queueName) {
      const index = indexOf(queueName);
      showDue(index);
      const delayed = [...index.hidden.values()].filter(({ isDelayed }) => isDelayed).length;
      return { ready: index.ready.size, inFlight: index.hidden.size - delayed, delayed };
    },

    inUse: () => [...indexes.keys()],

    close() {
      isClosed = true;
      for (const index of indexes.values()) wake(index);
    },
  };

  /** Resolves when something may have become visible, at the time given at the latest, or when the caller went away. */
  function changed(index: QueueIndex, atMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.schedule(Math.max(0, atMs - clock.now()), done);
      function done(): void {
        cancel();
        index.waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      }
      index.waiting.add(done);
      signal.addEventListener("abort", done);
    });
  }
}

function toHandle(id: string, receipt: string): string {
  return Buffer.from(`${receipt} ${id}`).toString("base64");
}

function fromHandle(queueName: string, handle: string): { id: string; receipt: string } {
  const [receipt = "", id = ""] = Buffer.from(handle, "base64").toString().split(" ");
  if (!id.startsWith(`${queueName}/`)) {
    throw new Fault("ReceiptHandleIsInvalid", `The input receipt handle "${handle}" is not a valid receipt handle.`);
  }
  return { id, receipt };
}
