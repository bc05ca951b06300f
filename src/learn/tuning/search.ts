import { type Random, randomFrom } from "../random.ts";
import { fitGaussianProcess, type Prediction } from "./gaussian-process.ts";
import {
  type Configuration,
  configurationAt,
  featuresAt,
  gridConfiguration,
  gridSize,
  pointOf,
  randomPoint,
  type SearchSpace,
} from "./search-space.ts";

/** Hyperband draws at random and stops early what falls behind (`early-stopping.ts`). */
export type Strategy = "Random" | "Grid" | "Bayesian" | "Hyperband";

/** A training job of the tuning job, or of one that it is warm-started from. */
export interface Trial {
  configuration: Configuration;
  /** The objective, turned so that more is better; absent while the job runs and when it failed. */
  value?: number;
  isRunning: boolean;
}

export interface SearchOptions {
  strategy: Strategy;
  space: SearchSpace;
  seed: number;
}

/** Before that many results there is nothing to model. */
const randomTrials = 3;
const candidates = 1000;
/** Candidates beside the best trials so far, which a uniform draw hardly ever hits in many dimensions. */
const neighbours = 200;
/** The best and the latest: the model's cost grows with the third power. */
const maxModelled = 100;

/**
 * What to try as number `index` (from 0). The same trials, index and seed give the same answer, whenever the server was restarted.
 * `undefined` when there is nothing left to try.
 */
export function nextConfiguration(
  { strategy, space, seed }: SearchOptions,
  trials: readonly Trial[],
  index: number,
): Configuration | undefined {
  const random = randomFrom(seed, index);
  switch (strategy) {
    case "Grid":
      return index < (gridSize(space) ?? 0) ? gridConfiguration(space, index) : undefined;
    case "Random":
    case "Hyperband":
      return configurationAt(space, randomPoint(space, random));
    case "Bayesian":
      return bayesian(space, trials, random);
    default:
      return strategy satisfies never;
  }
}

/**
 * The candidate with the largest expected improvement (Snoek, Larochelle and Adams, "Practical Bayesian Optimization of Machine
 * Learning Algorithms", 2012). A job that runs still counts as if it had given what the model expects of it (the "kriging believer" of
 * Ginsbourger, Le Riche and Carraro, 2010), so that jobs side by side do not try the same.
 */
function bayesian(space: SearchSpace, trials: readonly Trial[], random: Random): Configuration {
  const known = trials.flatMap(({ configuration, value }) => {
    const point = value === undefined ? undefined : pointOf(space, configuration);
    return point === undefined ? [] : [{ point, value: value as number }];
  });
  if (known.length < randomTrials) return configurationAt(space, randomPoint(space, random));
  const latest = known.slice(-maxModelled / 2);
  const modelled = [...latest, ...bestOf(known.slice(0, known.length - latest.length), maxModelled / 2)];
  const running = trials
    .filter(({ isRunning }) => isRunning)
    .map(({ configuration }) => pointOf(space, configuration))
    .filter((point) => point !== undefined);
  const { predict, best } = modelOf(space, modelled, running);
  const tried = new Set(trials.map(({ configuration }) => keyOf(space, configuration)));
  const promising = bestOf(known, 3);
  let chosen: { configuration: Configuration; improvement: number } | undefined;
  for (let i = 0; i < candidates + neighbours; i++) {
    const beside = promising[random.integer(promising.length)]?.point as number[];
    const point = i < candidates ? randomPoint(space, random) : pointBeside(space, beside, random);
    const configuration = configurationAt(space, point);
    if (tried.has(keyOf(space, configuration))) continue;
    const features = featuresAt(space, pointOf(space, configuration) as number[]);
    const improvement = expectedImprovement(predict(features), best);
    if (chosen === undefined || improvement > chosen.improvement) chosen = { configuration, improvement };
  }
  return chosen?.configuration ?? configurationAt(space, randomPoint(space, random));
}

function modelOf(
  space: SearchSpace,
  known: readonly { point: number[]; value: number }[],
  running: readonly number[][],
) {
  const features = known.map(({ point }) => featuresAt(space, point));
  const values = known.map(({ value }) => value);
  const best = Math.max(...values);
  const predict = fitGaussianProcess(features, values);
  if (running.length === 0) return { predict, best };
  const believed = running.map((point) => featuresAt(space, point));
  const expected = believed.map((point) => predict(point).mean);
  return { predict: fitGaussianProcess([...features, ...believed], [...values, ...expected]), best };
}

function bestOf<T extends { value: number }>(known: readonly T[], count: number): T[] {
  return known.toSorted((a, b) => b.value - a.value).slice(0, count);
}

/** A step away in every number; now and then another category. */
function pointBeside(space: SearchSpace, point: readonly number[], random: Random): number[] {
  return space.map((range, i) => {
    if (range.kind === "categorical") return random.uniform() < 0.2 ? random.uniform() : (point[i] as number);
    return Math.min(0.999999, Math.max(0, (point[i] as number) + 0.1 * random.normal()));
  });
}

function keyOf(space: SearchSpace, configuration: Configuration): string {
  return JSON.stringify(space.map(({ name }) => configuration[name]));
}

/** How much a value of that distribution is above `best` on average, counted as 0 below. */
function expectedImprovement({ mean, deviation }: Prediction, best: number): number {
  const z = (mean - best) / deviation;
  const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  return (mean - best) * normalProbability(z) + deviation * density;
}

/** P(Z <= z), to 1e-7 (Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.2.17). */
function normalProbability(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI)) * series;
  return z >= 0 ? 1 - tail : tail;
}
