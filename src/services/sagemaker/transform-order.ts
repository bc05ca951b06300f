/** The answers in the order of their questions. A question is only read when there is a slot for it. */
export async function* inOrder<Question, Answer>(
  questions: AsyncIterable<Question> | Iterable<Question>,
  ask: (question: Question) => Promise<Answer>,
  slots: Slots,
): AsyncGenerator<Answer, void> {
  const asked: Promise<Answer>[] = [];
  const unread = (async function* () {
    yield* questions;
  })();
  try {
    for (;;) {
      while (asked.length > 0 && !slots.isFree()) yield await oldest();
      await slots.take();
      const next = await unread.next().catch((error: unknown) => {
        slots.giveBack();
        throw error;
      });
      if (next.done === true) break;
      const answer = ask(next.value);
      answer.catch(() => undefined); // thrown when it is its turn
      asked.push(answer);
    }
    slots.giveBack();
    while (asked.length > 0) yield await oldest();
  } finally {
    await unread.return();
    await Promise.allSettled(asked);
    for (const _ of asked) slots.giveBack();
  }

  async function oldest(): Promise<Answer> {
    try {
      return await (asked[0] as Promise<Answer>);
    } finally {
      asked.shift();
      slots.giveBack();
    }
  }
}

/** Requests that may be held at once, by all objects together. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#free = most;
  }

  isFree(): boolean {
    return this.#free > 0;
  }

  /** Only for those who hold none: two who hold some and wait for more would wait for each other. */
  async take(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve)); // whoever gives one back hands it over
  }

  giveBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
