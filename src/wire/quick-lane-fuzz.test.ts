import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Invoked, invocation, invocationServer, rawConnection, start } from "./testing/invocations.ts";

/*
 * Two parsers that disagree about where a request ends are how requests are smuggled. What goes through the quick lane must
 * reach its handler exactly as node:http alone would have let it: damaged requests are sent to a server with the lane and to
 * one without, and both must have called the same handlers with the same bodies, and ended with the same status. (Of several
 * requests in one piece node:http refuses a bad one before it has answered the good ones in front of it.)
 */
const cases = Number(process.env["SCONES_FUZZ_CASES"] ?? 600);
const atOnce = 60;
/** For an answer that may never come, because what was sent is not a whole request. */
const silenceMs = 150;
const longSilenceMs = 1_500;

let quick: Awaited<ReturnType<typeof invocationServer>>;
let ordinary: Awaited<ReturnType<typeof invocationServer>>;

before(async () => {
  quick = await invocationServer({ isQuick: true });
  ordinary = await invocationServer({ isQuick: false });
});

after(async () => {
  await quick.close();
  await ordinary.close();
});

test("a damaged request means to the quick lane what it means to node:http", { timeout: 300_000 }, async () => {
  const random = randomFrom(Number(process.env["SCONES_SEED"] ?? 1));
  const differences: unknown[] = [];
  const seen = new Map<string, number>();
  for (let first = 0; first < cases; first += atOnce) {
    const texts = Array.from({ length: atOnce }, (_, i) => damaged(random, `n${first + i}-`));
    const meanings = await Promise.all(
      texts.map(async (text, i) => {
        const mark = `n${first + i}-`;
        const meaning = await meaningOf(text, mark, silenceMs);
        // On a busy machine an answer may come after what was taken for silence.
        const isSure = isSame(meaning) && meaning.quick.statuses.length > 0;
        return isSure ? meaning : meaningOf(text.replaceAll(mark, `r${mark}`), `r${mark}`, longSilenceMs);
      }),
    );
    for (const [i, text] of texts.entries()) {
      const meaning = meanings[i] as Meaning;
      if (!isSame(meaning)) differences.push({ text, ...meaning });
      for (const status of new Set(meaning.quick.statuses)) seen.set(status, (seen.get(status) ?? 0) + 1);
    }
  }
  assert.deepEqual(differences, []);
  // A fuzzer whose every case is refused alike has compared nothing.
  assert.ok((seen.get("200") ?? 0) > cases / 8, JSON.stringify([...seen]));
  assert.ok((seen.get("400") ?? 0) > cases / 20, JSON.stringify([...seen]));
});

interface Understood {
  statuses: string[];
  /** What the handler was asked for. */
  invoked: Invoked[];
}

interface Meaning {
  quick: Understood;
  ordinary: Understood;
}

function isSame({ quick, ordinary }: Meaning): boolean {
  const [one, other] = [quick, ordinary].map(({ statuses, invoked }) => JSON.stringify([statuses.at(-1), invoked]));
  return one === other;
}

async function meaningOf(text: string, mark: string, silenceMs: number): Promise<Meaning> {
  const ask = async ({ port, invoked }: typeof quick): Promise<Understood> => {
    const statuses = await outcome(port, text, silenceMs);
    return { statuses, invoked: invoked.filter(({ InferenceId }) => InferenceId?.startsWith(mark)) };
  };
  const [byQuick, byOrdinary] = await Promise.all([ask(quick), ask(ordinary)]);
  return { quick: byQuick, ordinary: byOrdinary };
}

/** The statuses of what is answered until the server is silent. */
async function outcome(port: number, text: string, silenceMs: number): Promise<string[]> {
  const connection = await rawConnection(port);
  connection.write(text);
  let answers: string[] = [];
  for (let before = -1; before < answers.length && !connection.isClosed(); ) {
    before = answers.length;
    answers = await Promise.race([
      connection.answers(answers.length + 1),
      sleep(silenceMs).then(() => connection.answers(0)),
    ]);
  }
  connection.socket.destroy();
  return answers.map((answer) => answer.slice(0, 3)).filter((status) => /^\d+$/.test(status));
}

type Random = (below: number) => number;

const oddHeaders = [
  "Transfer-Encoding: chunked",
  "transfer-encoding: identity",
  "Transfer-Encoding : chunked",
  "Content-Length: 3",
  "Content-Length: 5",
  "content-length: +5",
  "Content-Length: 5, 5",
  "Content-Length: 0x5",
  "Content-Length:",
  "Connection: close",
  "Connection: keep-alive",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Expect: 100-continue",
  "Content-Encoding: gzip",
  "Host: localhost",
  "X-Folded: one\r\n two",
  "X-Bare: one\ntwo",
  "X-Bare-Return: one\rtwo",
  "X-Nul: one\0two",
  "X-High: \xe9",
  "X_Under: score",
  ": no name",
  "no colon",
  " leading: space",
  "X-Empty:",
  "X-Tab:\tvalue\t",
  "X-Amz-Target: SageMaker.ListModels",
  "X-Amzn-SageMaker-Target-Variant: all",
  "Cookie: a=b",
  "__proto__: x",
  "Accept: application/json",
];

/** One to three requests in one piece, most of them changed in one to three places. */
function damaged(random: Random, mark: string): string {
  const requests = Array.from({ length: 1 + random(3) }, (_, i) => {
    const headers: string[] = [];
    for (let more = random(3); more > 0; more--) headers.push(oddHeaders[random(oddHeaders.length)] as string);
    if (random(3) === 0) return start(`${mark}${i}`, { headers });
    headers.unshift(`X-Amzn-SageMaker-Inference-Id: ${mark}${i}`);
    return invocation("x".repeat(random(12)), { headers });
  });
  let text = requests.join("");
  for (let changes = random(3); changes > 0; changes--) text = changed(random, text);
  return text;
}

function changed(random: Random, text: string): string {
  const at = random(text.length);
  const byte = String.fromCharCode([random(256), 13, 10, 32, 58, 0][random(6)] as number);
  switch (random(5)) {
    case 0:
      return text.slice(0, at) + byte + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + byte + text.slice(at);
    case 2:
      return text.slice(0, at) + text.slice(at + 1);
    case 3:
      return text.slice(0, at);
    default:
      return text.replace(
        /Content-Length: (\d+)/,
        (_, length: string) => `Content-Length: ${Number(length) + random(5) - 2}`,
      );
  }
}

/** A small generator (mulberry32): the same cases each time. */
function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
