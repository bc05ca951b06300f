import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { encodePng } from "../images/png-encode.ts";
import { loadClassifier } from "./classifier.ts";
import { parseManifest } from "./manifest.ts";
import { writeTinyModel } from "./testing/tiny-model.ts";

/** Blue, with a red square in the middle that is half as wide. */
function framed(side: number): Uint8Array {
  const data = new Uint8Array(3 * side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const isMiddle = [x, y].every((at) => at >= side / 4 && at < (3 * side) / 4);
      data[3 * (y * side + x) + (isMiddle ? 0 : 2)] = 255;
    }
  }
  return encodePng({ width: side, height: side, data });
}

test("a model that was trained on the middle of pictures sees the middle of pictures", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "classifier-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const manifest = writeTinyModel(folder);
  const surest = async () => {
    const classifier = await loadClassifier(folder, { maxBatch: 1, threads: 1 });
    const [answer] = await classifier.classify([framed(32)]);
    await classifier.close();
    assert.ok(answer !== undefined && "probabilities" in answer, JSON.stringify(answer));
    return manifest.labels[answer.probabilities.indexOf(Math.max(...answer.probabilities))];
  };
  assert.equal(await surest(), "blue");
  const input = { ...manifest.input, crop: { height: 0.5, width: 0.5 } };
  writeFileSync(join(folder, "model.json"), JSON.stringify({ ...manifest, input }));
  assert.equal(await surest(), "red");
  const wrong = JSON.stringify({ ...manifest, input: { ...input, crop: { height: 2, width: 0.5 } } });
  assert.throws(() => parseManifest(wrong), /input\.crop is .*, expected height and width above 0 and up to 1/);
});
