import type { Effect, Execution, HistoryEvent, KernelInput } from "../../../asl/contract.ts";
import type { Json } from "../../../kit/json.ts";
import type { Kernel } from "../kernel.ts";

/**
 * A kernel for tests of the engine alone. A definition is a JSON list of steps, done one after the other: a text is a task
 * of that resource, a number waits that many milliseconds, `{"token": name}` waits for that token.
 */
type Script = (string | number | { token: string })[];

export const scriptedKernel: Kernel<Script> = {
  compile: (definition) => JSON.parse(definition) as Script,
  advance(script, before, input) {
    const { atMs: timestampMs } = input;
    const events: HistoryEvent[] = [];
    const effects: Effect[] = [];
    const execution: Execution = before === undefined ? { status: "RUNNING", nextEventId: 1, step: 0 } : { ...before };
    const note = (type: string, details?: { [name: string]: Json }) => {
      const id = execution.nextEventId++;
      events.push({ id, previousEventId: id - 1, timestampMs, type, details });
    };
    const end = (status: Execution["status"]) => {
      execution.status = status;
      note(`Execution${status}`);
      effects.push({ type: "end" });
    };
    const go = () => {
      const step = script[execution["step"] as number];
      if (step === undefined) {
        execution.output = "done";
        return end("SUCCEEDED");
      }
      note("Scheduled");
      effects.push(effectOf(execution, script, timestampMs));
    };
    const isCurrent = "effectId" in input && input.effectId === `step:${execution["step"]}`;
    switch (input.type) {
      case "start":
        note("ExecutionStarted");
        go();
        break;
      case "taskSucceeded":
      case "timerFired":
        if (!isCurrent || before === undefined) return { execution: before as Execution, events, effects };
        note("Succeeded", { output: JSON.stringify((input as { output?: Json }).output ?? null) });
        execution["step"] = (execution["step"] as number) + 1;
        go();
        break;
      case "taskFailed":
        execution.error = input.error;
        execution.cause = input.cause;
        end("FAILED");
        break;
      case "taskSubmitted":
        note("Submitted");
        break;
      case "stop":
        execution.error = input.error;
        execution.cause = input.cause;
        end("ABORTED");
        break;
      case "redrive":
        execution.status = "RUNNING";
        delete execution.error;
        delete execution.cause;
        note("Redriven");
        go();
        break;
      default:
        throw new Error(`the script knows no ${(input as KernelInput).type}`);
    }
    execution["script"] = script;
    return { execution, events, effects };
  },
  pendingEffects: (execution) => [effectOf(execution, execution["script"] as Script, 0)],
};

function effectOf(execution: Execution, script: Script, nowMs: number): Effect {
  const step = script[execution["step"] as number] as Script[number];
  const id = `step:${execution["step"]}`;
  if (typeof step === "number") return { type: "timer", id, dueMs: nowMs + step };
  const task = { type: "task" as const, id, parameters: {}, pattern: "request" as const };
  if (typeof step === "string") return { ...task, resource: step };
  return { ...task, resource: "callback", pattern: "waitForTaskToken", taskToken: step.token };
}
