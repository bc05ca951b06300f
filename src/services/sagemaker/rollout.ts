import type { VariantStatus } from "@aws-sdk/client-sagemaker";
import type { Clock } from "../../ports/clock.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Candidate } from "../../serve/gateway.ts";
import type { DeploymentPlan } from "./deployment-plan.ts";

/*
 * Moves the requests of an endpoint to its new fleet, step by step, with an eye on the alarms, and back. What `rollOut` throws is
 * the reason to roll back. Nothing is kept here: after a restart of the server the deployment begins again at its first step,
 * within the time it had from the start.
 */

export interface Rollout {
  clock: Clock;
  candidate: Candidate;
  plan: DeploymentPlan;
  /** When the deployment began. */
  startedMs: number;
  instanceCount: number;
  /** Gives the new and the old fleet these parts of their instances; for a rolling update. */
  resize: { candidate: (share: number) => Promise<void>; current: (share: number) => Promise<void> };
  metrics: Pick<Metrics, "alarmStates" | "onAlarmChange"> | undefined;
  onStage: (stage: Stage) => void;
  /** Aborted when the server ends. */
  signal: AbortSignal;
}

/** Where a deployment is, as VariantStatus shows it. */
export interface Stage {
  status: VariantStatus;
  message?: string;
  /** Of the requests, as far as they go to the new fleet. */
  share: number;
}

/** Often enough that a bad model serves for a second more, rarely enough to cost nothing. */
const alarmsEveryMs = 1_000;

/** Resolves when the new fleet has all requests and has been watched to the end. */
export async function rollOut(rollout: Rollout): Promise<void> {
  const { metrics, plan } = rollout;
  // Those that went off, also when they have calmed down before the next look.
  const wentOff = new Set<string>();
  const stopListening = metrics?.onAlarmChange(({ name, after }) => {
    if (after === "ALARM" && plan.alarms.includes(name)) wentOff.add(name);
  });
  const alarming = () => {
    const states = metrics?.alarmStates(plan.alarms);
    return plan.alarms.filter((name) => wentOff.has(name) || states?.get(name) === "ALARM");
  };
  try {
    await moveRequests(rollout, alarming);
  } finally {
    stopListening?.();
  }
}

async function moveRequests(rollout: Rollout, alarming: () => string[]): Promise<void> {
  const { candidate, plan, resize, onStage } = rollout;
  for (const { share, kind, waitMs } of plan.steps) {
    onStage({ status: "ActivatingTraffic", share });
    if (plan.isRolling) await resize.candidate(share);
    candidate.take(share);
    const capacity = share === 1 ? "full" : kind;
    await bake(rollout, { share, waitMs, waitName: "WaitIntervalInSeconds", capacity, alarming });
    if (plan.isRolling && share < 1) await resize.current(1 - share);
  }
  const { terminationWaitMs: waitMs } = plan;
  await bake(rollout, { share: 1, waitMs, waitName: "TerminationWaitInSeconds", capacity: "full", alarming });
}

/** All requests go back to the old fleet, which first gets its instances back. */
export async function rollBack({ plan, candidate, resize }: Omit<Rollout, "onStage">): Promise<void> {
  if (plan.isRolling) {
    for (let share = 1 - plan.rollbackShare; share > 1e-9; share -= plan.rollbackShare) {
      await resize.current(1 - share);
      candidate.take(share);
    }
    await resize.current(1);
  }
  await candidate.withdraw();
}

interface Baking {
  share: number;
  waitMs: number;
  waitName: string;
  capacity: string;
  alarming: () => string[];
}

async function bake(rollout: Rollout, { share, waitMs, waitName, capacity, alarming }: Baking): Promise<void> {
  const { clock, plan, startedMs, instanceCount } = rollout;
  if (waitMs > 0) {
    const instances = Math.ceil(share * instanceCount);
    // The words of AWS's own example of a canary; those of the other kinds are a guess.
    const message = `Baking for ${waitMs / 1000} seconds (${waitName}) with traffic enabled on ${capacity} capacity of ${instances} instance(s).`;
    rollout.onStage({ status: "Baking", message, share });
  }
  for (const endMs = clock.now() + waitMs; ; ) {
    const names = alarming();
    if (names.length > 0) throw new Error(`One or more alarms are in ALARM state: ${names.join(", ")}.`);
    const nowMs = clock.now();
    if (plan.timeoutMs !== undefined && nowMs >= startedMs + plan.timeoutMs) {
      throw new Error(`The deployment did not end within ${plan.timeoutMs / 1000} seconds.`);
    }
    if (nowMs >= endMs) return;
    await sleep(clock, Math.min(alarmsEveryMs, endMs - nowMs), rollout.signal);
  }
}

function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = () => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = clock.schedule(delayMs, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
