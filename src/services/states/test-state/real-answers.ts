import type { Answer, AskedFor, StateUnderTest } from "../../../asl/test-state.ts";
import type { Json } from "../../../kit/json.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { ExecutionRecord } from "../../../ports/store.ts";
import { TaskFailure, TaskRefusal, type TaskRunner } from "../task-pool.ts";

/** As AWS documents it: what takes longer fails with States.Timeout. */
const maxTestMs = 5 * 60_000;

/** Does what the state asks for, for as long as a test may last. */
export function realAnswers(options: {
  clock: Clock;
  runTask: TaskRunner;
  given: StateUnderTest;
  signal: AbortSignal;
}): (asked: AskedFor) => Promise<Answer> {
  const { clock, runTask, given, signal } = options;

  const perform = async (task: Extract<AskedFor, { type: "task" }>, abort: AbortSignal): Promise<Answer> => {
    try {
      const output = await runTask(task, {
        record: recordOf(given),
        signal: abort,
        isGivenUp: () => abort.aborted,
        submitted: async () => {},
      });
      return { output: output as Json };
    } catch (error) {
      if (error instanceof TaskRefusal) return { error: "States.Runtime", cause: error.message };
      if (error instanceof TaskFailure) return { error: error.error, cause: error.reason };
      throw error;
    }
  };

  return (asked) =>
    new Promise((resolve, reject) => {
      const abort = new AbortController();
      const finish = (): void => {
        cancel();
        signal.removeEventListener("abort", giveUp);
      };
      const settle = (answer: Answer): void => {
        finish();
        resolve(answer);
      };
      const giveUp = (): void => {
        finish();
        abort.abort();
        reject(signal.reason);
      };
      const waitMs = asked.type === "wait" ? asked.dueMs - clock.now() : Number.POSITIVE_INFINITY;
      const ownLimit = asked.type === "task" ? asked.timeoutSeconds : undefined;
      const limitMs = ownLimit === undefined ? maxTestMs : ownLimit * 1_000;
      const cancel = clock.schedule(Math.min(waitMs, limitMs, maxTestMs), () => {
        abort.abort();
        settle(waitMs <= maxTestMs ? { output: null } : "timeout");
      });
      signal.addEventListener("abort", giveUp, { once: true });
      if (asked.type !== "task") return;
      perform(asked, abort.signal).then(
        (answer) => {
          if (!abort.signal.aborted) settle(answer);
        },
        (error: unknown) => {
          if (abort.signal.aborted) return;
          finish();
          reject(error);
        },
      );
    });
}

/** Integrations look at the execution that they belong to. */
function recordOf({ context, input, atMs }: StateUnderTest): ExecutionRecord {
  return {
    id: context.executionArn,
    machine: context.stateMachineName,
    status: "RUNNING",
    definitionHash: "",
    input: JSON.stringify(input),
    startedMs: atMs,
    redriveCount: 0,
    sequence: 0,
    details: { type: "EXPRESS", arn: context.executionArn },
  };
}
