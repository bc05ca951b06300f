/*
 * How many cores a training job has. They decide how its batches are split among workers, and with that its result to the last bit: so they
 * follow from what was asked for and configured alone, never from what else happens to run. They are kept with the job, and a job that begins
 * again has the same. See docs/decisions/025-cores-belong-to-jobs.md.
 */

export interface TrainingCapacity {
  cores: number;
  /** Jobs that are to run side by side; each has as large a part of the cores. */
  jobs: number;
}

/** `workers` is the hyperparameter, if it was given; `atOnce`, how many trials its tuning job runs side by side. */
export function coresOfJob(
  { cores, jobs }: TrainingCapacity,
  { workers, atOnce = 1 }: { workers: string | undefined; atOnce?: number },
): number {
  const part = Math.max(1, Math.floor(cores / Math.max(jobs, atOnce)));
  const asked = Number(workers);
  // The algorithm says what is wrong with a number that is none.
  return Number.isInteger(asked) && asked >= 1 ? Math.min(asked, cores) : part;
}

/** Whether a job may begin beside those that run. One that needs more than there is left waits, and those behind it wait with it. */
export function hasRoom({ cores }: TrainingCapacity, running: readonly number[], needed: number): boolean {
  return running.length === 0 || running.reduce((sum, one) => sum + one, needed) <= cores;
}
