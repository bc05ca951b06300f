import assert from "node:assert/strict";
import { test } from "node:test";
import { warning } from "../../learn/training-command.ts";
import { create, ended, withData } from "./testing/training.ts";

const lines = ["[11/21/2026 INFO 7] Warning: one.", "[11/21/2026 INFO 7] two", "[11/21/2026 INFO 7] Warning: three."];
const saysThem = lines.map((line) => `echo '${line}'`).join("; ");

/** What the job's description says of its training. */
async function messageOf(program: string, specification?: object): Promise<string> {
  const algorithm = { command: "/bin/sh", args: ["-c", program], metricDefinitions: [], warning };
  const sagemaker = (await withData({ algorithms: { "image-classification": () => algorithm } })).start();
  await create(sagemaker, "job", program, specification && { AlgorithmSpecification: specification });
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  return job.SecondaryStatusTransitions.find((one: { Status: string }) => one.Status === "Training").StatusMessage;
}

const builtIn = { TrainingImage: "image-classification:1", TrainingInputMode: "File" };
const begun = "Training image download completed. Training in progress.";

test("what a built-in algorithm warns of stands in the job's description", async () => {
  assert.equal(await messageOf(saysThem, builtIn), `${begun} Warning: one. Warning: three.`);
});

test("a description holds no more warnings than have room in it", async () => {
  const many = `for i in $(seq 200); do echo "[now] Warning: $i."; done`;
  const message = await messageOf(many, builtIn);
  assert.equal(message.length, 1024);
  assert.ok(message.startsWith(`${begun} Warning: 1. Warning: 2.`));
});

test("what a program of one's own calls a warning stands in its log alone", async () => {
  assert.equal(await messageOf(saysThem), begun);
});
