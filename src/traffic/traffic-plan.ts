import type { Conditions } from "../vehicles/conditions.ts";
import { type VehicleKind, vehicleKinds } from "../vehicles/draw-vehicle.ts";
import { type Random, randomFrom } from "../vehicles/random.ts";
import type { Arrival } from "./run-traffic.ts";

/*
 * What will be sent and when, decided before anything is sent. T1. The same options give the same plan. T2. The times do not
 * depend on the answers (open loop): a slow system gets the same load as a fast one.
 */
export interface TrafficOptions {
  seed: string | number;
  schedule: Schedule;
  /** Relative weights, such as `{ bicycle: 2, motorcycle: 1 }`. */
  mix: Partial<Record<VehicleKind, number>>;
  /** Share of the items, 0 to 1, whose picture is damaged; default 0. */
  corruptedShare?: number;
  /** From this share of the plan on the world is another one. */
  drift?: Drift;
}

export type Schedule =
  /** Independent arrivals: the gaps are exponential. */
  | { kind: "poisson"; ratePerSecond: number; durationSeconds: number }
  | { kind: "constant"; ratePerSecond: number; durationSeconds: number }
  /** So many at once; again after every pause. */
  | { kind: "burst"; count: number; bursts?: number; pauseSeconds?: number };

export interface Drift {
  /** 0 to 1 of the items; default .5. */
  after?: number;
  conditions?: Conditions;
  /** Replaces the mix: other shares, or a vehicle that nobody has learned. */
  mix?: Partial<Record<VehicleKind, number>>;
}

export interface TrafficItem extends Arrival {
  className: VehicleKind;
  /** Seed of the picture. */
  seed: string;
  /** Uniform in [0, 1): chooses among what the sender has when it does not draw. */
  pick: number;
  isDrifted: boolean;
  conditions?: Conditions;
  corruption?: Corruption;
}

export const corruptions = ["truncated", "flipped", "empty", "notAPicture"] as const;
export type Corruption = (typeof corruptions)[number];

/** A plan is held in memory: a million items are about 200 MB. */
export const mostItems = 1_000_000;

export function trafficPlan({ seed, schedule, mix, corruptedShare = 0, drift }: TrafficOptions): TrafficItem[] {
  if (!(corruptedShare >= 0 && corruptedShare <= 1))
    throw new RangeError(`corruptedShare ${corruptedShare} is not between 0 and 1`);
  const random = randomFrom(`${seed}/traffic`);
  const times = timesOf(schedule, random.fork("times"));
  const choose = chooser(mix);
  const chooseDrifted = drift?.mix ? chooser(drift.mix) : choose;
  const firstDrifted = drift ? Math.floor(times.length * (drift.after ?? 0.5)) : times.length;
  return times.map((atMs, index) => {
    // One stream per item: the tenth item is the same however many there are.
    const own = random.fork(`${index}`);
    const isDrifted = index >= firstDrifted;
    const className = (isDrifted ? chooseDrifted : choose)(own);
    const pick = own.next();
    const corruption = own.chance(corruptedShare) ? own.pick(corruptions) : undefined;
    return {
      index,
      atMs,
      className,
      seed: `${seed}/${index}`,
      pick,
      isDrifted,
      ...(isDrifted && drift?.conditions && { conditions: drift.conditions }),
      ...(corruption && { corruption }),
    };
  });
}

function timesOf(schedule: Schedule, random: Random): number[] {
  switch (schedule.kind) {
    case "burst": {
      const { count, bursts = 1, pauseSeconds = 1 } = schedule;
      positive({ count, bursts, pauseSeconds });
      bounded(count * bursts);
      return Array.from(
        { length: Math.floor(count) * Math.floor(bursts) },
        (_, i) => Math.floor(i / Math.floor(count)) * pauseSeconds * 1000,
      );
    }
    case "constant": {
      const { ratePerSecond, durationSeconds } = schedule;
      positive({ ratePerSecond, durationSeconds });
      bounded(ratePerSecond * durationSeconds);
      return Array.from({ length: Math.round(ratePerSecond * durationSeconds) }, (_, i) => (i * 1000) / ratePerSecond);
    }
    case "poisson": {
      const { ratePerSecond, durationSeconds } = schedule;
      positive({ ratePerSecond, durationSeconds });
      bounded(ratePerSecond * durationSeconds);
      const times: number[] = [];
      for (let at = 0; ; ) {
        at += (-Math.log(1 - random.next()) * 1000) / ratePerSecond;
        if (at >= durationSeconds * 1000 || times.length >= mostItems) return times;
        times.push(at);
      }
    }
    default:
      return schedule satisfies never;
  }
}

function chooser(mix: Partial<Record<VehicleKind, number>>): (random: Random) => VehicleKind {
  const entries = Object.entries(mix) as [VehicleKind, number][];
  for (const [kind, weight] of entries) {
    if (!vehicleKinds.includes(kind))
      throw new RangeError(`there is no vehicle "${kind}"; known are ${vehicleKinds.join(", ")}`);
    if (!(weight >= 0 && Number.isFinite(weight)))
      throw new RangeError(`the weight of ${kind} is ${weight}, not a number from 0 up`);
  }
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  if (!(total > 0)) throw new RangeError("the mix names no vehicle with a weight above 0");
  return (random) => {
    let rest = random.next() * total;
    for (const [kind, weight] of entries) {
      rest -= weight;
      if (rest < 0) return kind;
    }
    return (entries.findLast(([, weight]) => weight > 0) as [VehicleKind, number])[0];
  };
}

function positive(values: Record<string, number>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(value > 0 && Number.isFinite(value))) throw new RangeError(`${name} is ${value}, not a number above 0`);
  }
}

function bounded(count: number): void {
  if (count > mostItems)
    throw new RangeError(`the plan would have ${Math.round(count)} items; at most ${mostItems} fit`);
}
