import assert from "node:assert/strict";
import { test } from "node:test";
import { fallsBehind, isBelowMedian } from "./early-stopping.ts";
import { fitGaussianProcess } from "./gaussian-process.ts";
import { nextConfiguration, type SearchOptions, type Trial } from "./search.ts";
import { configurationAt, type ParameterRange, pointOf, type SearchSpace } from "./search-space.ts";

const rate: ParameterRange = { kind: "continuous", name: "rate", least: 0.0001, most: 1, scaling: "Auto" };
const batch: ParameterRange = { kind: "integer", name: "batch", least: 16, most: 19, scaling: "Linear" };
const optimizer: ParameterRange = { kind: "categorical", name: "optimizer", values: ["sgd", "adam"] };
const space: SearchSpace = [rate, batch, optimizer];

/** Runs trials one after the other on an objective that is known. */
function search(options: SearchOptions, objective: (configuration: Trial["configuration"]) => number, count: number) {
  const trials: Trial[] = [];
  for (let index = 0; index < count; index++) {
    const configuration = nextConfiguration(options, trials, index);
    if (configuration === undefined) break;
    trials.push({ configuration, value: objective(configuration), isRunning: false });
  }
  return trials;
}

test("a wide range is searched by orders of magnitude, integers keep within their bounds", () => {
  assert.deepEqual(configurationAt(space, [0.5, 0, 0]), { rate: String(0.01), batch: "16", optimizer: "sgd" });
  assert.deepEqual(configurationAt(space, [0, 0.999999, 0.999999]), {
    rate: "0.0001",
    batch: "19",
    optimizer: "adam",
  });
  const reverse: ParameterRange = { ...rate, least: 0.9, most: 0.999, scaling: "ReverseLogarithmic" };
  assert.ok(Math.abs(Number(configurationAt([reverse], [0.5]).rate) - 0.99) < 1e-9);
});

test("every integer of a range is as likely as the others", () => {
  const options: SearchOptions = { strategy: "Random", space: [batch], seed: 3 };
  const drawn = search(options, () => 0, 4000).map(({ configuration }) => configuration.batch);
  const counts = ["16", "17", "18", "19"].map((value) => drawn.filter((one) => one === value).length);
  assert.ok(Math.min(...counts) > 900 && Math.max(...counts) < 1100, counts.join(" "));
});

test("a configuration is found again at its point, and one of another space has none", () => {
  const configuration = { rate: "0.01", batch: "17", optimizer: "adam" };
  assert.deepEqual(configurationAt(space, pointOf(space, configuration) as number[]), configuration);
  assert.equal(pointOf(space, { ...configuration, batch: "99" }), undefined);
  assert.equal(pointOf(space, { rate: "0.01" }), undefined);
});

test("a grid has every combination once and then ends", () => {
  const grid: SearchSpace = [optimizer, { kind: "categorical", name: "layers", values: ["20", "32", "44"] }];
  const tried = search({ strategy: "Grid", space: grid, seed: 1 }, () => 0, 10).map(({ configuration }) =>
    Object.values(configuration).join(" "),
  );
  assert.deepEqual(tried, ["sgd 20", "sgd 32", "sgd 44", "adam 20", "adam 32", "adam 44"]);
});

test("the same seed tries the same, another seed something else", () => {
  const first = nextConfiguration({ strategy: "Random", space, seed: 1 }, [], 4);
  assert.deepEqual(nextConfiguration({ strategy: "Random", space, seed: 1 }, [], 4), first);
  assert.notDeepEqual(nextConfiguration({ strategy: "Random", space, seed: 2 }, [], 4), first);
});

test("a Bayesian search comes nearer to the best than a random one in most repetitions", () => {
  // The best: a rate of 0.02 with adam.
  const objective = ({ rate: value, optimizer: name }: Trial["configuration"]) =>
    -((Math.log10(Number(value)) + 1.7) ** 2) - (name === "adam" ? 0 : 0.5);
  const bestOf = (strategy: SearchOptions["strategy"], seed: number) =>
    Math.max(...search({ strategy, space, seed }, objective, 16).map(({ value }) => value as number));
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const won = seeds.filter((seed) => bestOf("Bayesian", seed) >= bestOf("Random", seed));
  assert.ok(won.length >= 7, `won with seeds ${won.join(" ")}`);
});

test("jobs side by side do not try the same", () => {
  const known: Trial[] = [0.001, 0.01, 0.1, 0.5].map((value) => ({
    configuration: { rate: String(value) },
    value: -((Math.log10(value) + 1.7) ** 2),
    isRunning: false,
  }));
  const options: SearchOptions = { strategy: "Bayesian", space: [rate], seed: 1 };
  const first = nextConfiguration(options, known, 4) as Trial["configuration"];
  const second = nextConfiguration(options, [...known, { configuration: first, isRunning: true }], 5);
  assert.ok(Math.abs(Math.log10(Number(first.rate)) - Math.log10(Number(second?.rate))) > 0.01);
});

test("a Gaussian process passes through what was observed and is unsure far from it", () => {
  const predict = fitGaussianProcess([[0], [0.1], [0.2], [0.3]], [1, 2, 3, 4]);
  assert.ok(Math.abs(predict([0.1]).mean - 2) < 0.05);
  assert.ok(predict([1]).deviation > 3 * predict([0.1]).deviation);
});

test("a job below the median of the running averages is stopped, and none while little is known", () => {
  const ended = [
    [0.5, 0.7, 0.9],
    [0.6, 0.8, 0.9],
    [0.1, 0.2, 0.3],
  ];
  assert.equal(isBelowMedian([0.3, 0.4], ended), true);
  assert.equal(isBelowMedian([0.3, 0.7], ended), false);
  assert.equal(isBelowMedian([0.3, 0.4], ended.slice(0, 1)), false);
});

test("at a rung only the best third goes on", () => {
  const others = [[0.9], [0.8], [0.3], [0.2], [0.1]];
  const rungs = { least: 1, most: 9 };
  assert.equal(fallsBehind([0.7], others, rungs), true);
  assert.equal(fallsBehind([0.85], others, rungs), false);
  assert.equal(fallsBehind([0.7, 0.7], others, rungs), false);
  assert.equal(fallsBehind([0.7], [[0.9]], rungs), false);
});
