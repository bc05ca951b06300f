import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { measure } from "../learn/metrics.ts";

const program = join(import.meta.dirname, "..", "main.js");

/** An evaluation of 400 answers: sure ones are always right, the others every second time. */
function evaluationFile(context: TestContext, unsoundBecause?: string): string {
  const folder = mkdtempSync(join(tmpdir(), "threshold-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const probabilities = Array.from({ length: 400 }, (_, i) => (i < 300 ? [0.97, 0.03] : [0.6, 0.4])).flat();
  const truth = Array.from({ length: 400 }, (_, i) => (i < 300 ? 0 : i % 2));
  const guarantees = {
    pictures: 400,
    points: [
      { threshold: 0.9712345, accepted: 300, wrong: 0 },
      { threshold: 0.5, accepted: 400, wrong: 50 },
    ],
    starts: [0],
    temperatures: 1,
    table: [],
    unsoundBecause,
  };
  const evaluation = {
    format: "scones.evaluation/1",
    labels: ["bicycle", "motorcycle"],
    selection: "averaged weights after the last step",
    heldOut: measure(probabilities, truth, ["bicycle", "motorcycle"]),
    guarantees: { heldOut: guarantees },
  };
  const path = join(folder, "evaluation.json");
  writeFileSync(path, JSON.stringify(evaluation));
  return path;
}

const threshold = (...args: string[]) =>
  spawnSync(process.execPath, [program, "threshold", ...args], { encoding: "utf8" });

test("the threshold that keeps the goal is named, with what passes and what of it is wrong", (context) => {
  const { status, stdout } = threshold(evaluationFile(context), "--risk", "0.02");
  assert.equal(status, 0);
  assert.match(stdout, /threshold 0\.9712: at most 0\.02 of the answers that pass are wrong, with confidence 0\.95/);
  assert.match(stdout, /300 of 400 pictures pass, 0 of them wrong/);
});

test("a goal that the pictures cannot prove is refused plainly, with the smallest that they can", (context) => {
  const { status, stdout } = threshold(evaluationFile(context), "--risk", "0.001");
  assert.equal(status, 1);
  assert.match(stdout, /no threshold can be guaranteed/);
  assert.match(stdout, /the smallest risk that these pictures prove is 0\.01: --risk 0\.01/);
});

test("pictures that chose the epoch guarantee nothing", (context) => {
  const { status, stdout } = threshold(evaluationFile(context, "early stopping looked at them"), "--json");
  assert.equal(status, 1);
  assert.equal(JSON.parse(stdout).threshold, null);
  assert.equal(JSON.parse(stdout).unsoundBecause, "early stopping looked at them");
});

test("pictures of the model's quality are drawn", (context) => {
  const path = evaluationFile(context);
  const folder = join(path, "..", "pictures");
  threshold(path, "--out", folder);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith(".png")),
    ["confusion-matrix.png", "reliability.png", "risk-coverage.png"],
  );
});

test("a model of several labels per picture is refused with where its quality stands", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "threshold-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "evaluation.json");
  writeFileSync(path, JSON.stringify({ format: "scones.evaluation/1", task: "multi_label" }));
  const { status, stderr } = threshold(path);
  assert.equal(status, 1);
  assert.match(stderr, /was trained with multi_label=1: a threshold is chosen for pictures with one label each/);
});
