import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drawnDataSet } from "../../src/vehicles/data-set.ts";
import { trainingOutput } from "./training-run.ts";

export interface StreamedRun {
  pictures: number;
  decodedMegabytes: number;
  peakMegabytes: number;
  /** Until the first step: listing, decoding, writing, comparing with the validation channel. */
  readingSeconds: number;
  seconds: number;
}

const side = 64;
const classes = ["bicycle", "motorcycle"] as const;
const drawnPerClass = 400;
/** Pictures of 64 x 64 cost four times the memory of the usual 32 x 32: half the usual batch. */
const batch = 32;

/**
 * One training for each number of pictures. Some hundred drawn pictures are files; a list names each of them many times, and every line is
 * decoded and stored as a picture of its own, as it would be if all were different.
 */
export async function streamedRuns(counts: readonly number[], trainingSeconds: number): Promise<StreamedRun[]> {
  const prefix = mkdtempSync(join(tmpdir(), "scones-streaming-"));
  try {
    const drawn = await draw(prefix);
    const runs: StreamedRun[] = [];
    for (const count of counts) {
      writeList(prefix, "train", drawn.train, count);
      writeList(prefix, "validation", drawn.test, drawn.test.length);
      const hyperparameters = {
        image_shape: `3,${side},${side}`,
        num_classes: String(classes.length),
        num_training_samples: String(count),
        mini_batch_size: String(batch),
        max_seconds: String(trainingSeconds),
        epochs: "1000",
      };
      mkdirSync(join(prefix, "input/config"), { recursive: true });
      writeFileSync(join(prefix, "input/config/hyperparameters.json"), JSON.stringify(hyperparameters));
      const startedMs = performance.now();
      let readMs = startedMs;
      const output = await trainingOutput(prefix, (text) => {
        if (text.includes("Done reading")) readMs = performance.now();
      });
      runs.push({
        pictures: count,
        decodedMegabytes: (count * 3 * side * side) / 1024 ** 2,
        peakMegabytes: Number(/Peak memory ([0-9]+) MB/.exec(output)?.[1]),
        readingSeconds: (readMs - startedMs) / 1000,
        seconds: (performance.now() - startedMs) / 1000,
      });
      rmSync(join(prefix, "model"), { recursive: true });
      rmSync(join(prefix, "checkpoints"), { recursive: true, force: true });
    }
    return runs;
  } finally {
    rmSync(prefix, { recursive: true });
  }
}

interface Named {
  name: string;
  label: number;
}

async function draw(prefix: string): Promise<{ train: Named[]; test: Named[] }> {
  const found = { train: [] as Named[], test: [] as Named[] };
  const perClass = { train: drawnPerClass, test: drawnPerClass / 4 };
  for await (const { split, name, label, png } of drawnDataSet({ seed: 1, size: side, perClass, classes })) {
    const folder = join(prefix, "input/data", split === "train" ? "train" : "validation");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), png);
    found[split].push({ name, label });
  }
  return found;
}

function writeList(prefix: string, channel: string, drawn: readonly Named[], count: number): void {
  const folder = join(prefix, "input/data", `${channel}_lst`);
  mkdirSync(folder, { recursive: true });
  const line = (i: number) => {
    const { name, label } = drawn[i % drawn.length] as Named;
    return `${i}\t${label}\t${name}\n`;
  };
  writeFileSync(join(folder, `${channel}.lst`), Array.from({ length: count }, (_, i) => line(i)).join(""));
}
