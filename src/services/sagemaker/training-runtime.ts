import type { Clock } from "../../ports/clock.ts";
import type { Resources } from "../../ports/resources.ts";
import { kindOf } from "./resource-names.ts";
import type { StoredTrainingJob } from "./training-job.ts";

const kind = kindOf("training-job");
/** How much of a job's time an end of the server may give back. */
const noteEveryMs = 10_000;
/** As AWS has it. */
const defaultLimitSeconds = 86_400;

/**
 * Counts how long a job's program runs, and keeps that with the job: MaxRuntimeInSeconds is of all its attempts together, those before a
 * restart of the server too. Answers how to stop counting.
 */
export function countRuntime(
  { name, request }: Pick<StoredTrainingJob, "name" | "request">,
  { clock, resources, onLimit }: { clock: Clock; resources: Resources; onLimit: () => void },
): () => void {
  const beforeMs = resources.get<StoredTrainingJob>(kind, name)?.value.ranMs ?? 0;
  const limitMs = (request.StoppingCondition?.MaxRuntimeInSeconds ?? defaultLimitSeconds) * 1000;
  const startedMs = clock.now();
  const note = () => {
    const ranMs = beforeMs + clock.now() - startedMs;
    resources.update<StoredTrainingJob>(kind, name, (job) => ({ ...job, ranMs }));
  };
  const cancelLimit = clock.schedule(Math.max(0, limitMs - beforeMs), onLimit);
  let cancelNote: () => void;
  const noteLater = () => {
    cancelNote = clock.schedule(noteEveryMs, () => {
      note();
      noteLater();
    });
  };
  noteLater();
  return () => {
    cancelLimit();
    cancelNote();
    note();
  };
}
