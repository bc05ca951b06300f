import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { encodePng } from "../images/png-encode.ts";
import { loadClassifier } from "./classifier.ts";
import { parseManifest } from "./manifest.ts";
import { tinyNetwork, writeTinyModel } from "./testing/tiny-model.ts";

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

test("a network of channels last, blue first, bytes and logits is served as its manifest says", async (context) => {
  const { folder, write, ask } = packageFor(context);
  const model = write(tinyNetwork({ layout: "NHWC", type: "uint8", output: "logits", strength: 0.05 }));
  const input = { name: "image", width: 8, height: 6, layout: "NHWC", type: "uint8" };
  const manifest = { ...rest, model, input, output: { name: "logits", kind: "logits" } };
  writeManifest(folder, manifest);
  assert.equal(await ask(plain("red")), 0);
  writeManifest(folder, { ...manifest, input: { ...input, channels: "BGR" } });
  assert.deepEqual([await ask(plain("red")), await ask(plain("blue"))], [1, 0]);
});

test("a manifest that is not the network's is refused with what the network has", async (context) => {
  const { folder, write, ask } = packageFor(context);
  const model = write(tinyNetwork({ layout: "NHWC", type: "uint8", side: 8 }));
  const input = { name: "image", width: 8, height: 8, mean: [0, 0, 0], deviation: [1, 1, 1] };
  const refused = (changes: object) => {
    writeManifest(folder, { ...rest, model, input: { ...input, ...changes }, output });
    return assert.rejects(ask(plain("red")), (error: Error) => {
      assert.match(error.message, /input "image" is uint8 \[N, 8, 8, 3\], and model\.json makes it/);
      return true;
    });
  };
  await refused({});
  await refused({ layout: "NHWC" });
  await refused({ layout: "NHWC", type: "uint8", width: 32 });
  await refused({ layout: "NHWC", type: "uint8", channels: "grey", mean: [0], deviation: [1] });
  writeManifest(folder, { ...rest, model, input: { ...input, layout: "NWHC" }, output });
  await assert.rejects(ask(plain("red")), /input\.layout is "NWHC", expected NCHW or NHWC/);
});

test("a network that takes bytes needs no manifest, and knows its answers as probabilities or logits", async (context) => {
  const { write, ask } = packageFor(context);
  for (const output of ["probabilities", "logits"] as const) {
    write(tinyNetwork({ type: "uint8", side: 8, output, strength: 0.05 }));
    assert.deepEqual([await ask(plain("red")), await ask(plain("blue"))], [0, 1], output);
  }
});

test("a network that does not say how pixels become numbers is refused with the manifest to write", async (context) => {
  const { folder, write, ask } = packageFor(context);
  write(tinyNetwork({ layout: "NHWC", side: "S" }));
  const error = (await ask(plain("red")).catch((refusal: unknown) => refusal)) as Error;
  assert.match(error.message, /does not say the width .*, the height .*, how pixels become numbers/);
  assert.ok(error.message.length < 900, `${error.message.length} characters must fit a FailureReason`);
  const advised = JSON.parse(error.message.slice(error.message.indexOf("{"))) as { output: object };
  writeManifest(folder, { ...advised, output });
  assert.equal(await ask(plain("red")), 0);
});

test("each class has a probability of its own where the manifest says that several may be there", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "classifier-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const given = writeTinyModel(folder);
  const network = tinyNetwork({ output: "logits" });
  writeFileSync(join(folder, "model.onnx"), network);
  const model = { file: "model.onnx", sha256: createHash("sha256").update(network).digest("hex") };
  const several = { name: "logits", kind: "logits", temperature: 2, isMultiLabel: true };
  writeManifest(folder, { ...given, model, output: several });
  const classifier = await loadClassifier(folder, { maxBatch: 1, threads: 1 });
  const [answer] = await classifier.classify([plain("red")]);
  await classifier.close();
  assert.ok(answer !== undefined && "probabilities" in answer, JSON.stringify(answer));
  // The logits are 4 and -4, by half.
  assert.deepEqual(
    [...answer.probabilities].map((value) => value.toFixed(4)),
    ["0.8808", "0.1192"],
  );
  const wrong = JSON.stringify({ ...given, output: { ...several, isMultiLabel: "yes" } });
  assert.throws(() => parseManifest(wrong), /output\.isMultiLabel is "yes", expected true or false/);
});

const rest = { format: "scones.image-classifier/1", labels: ["red", "blue"] };
const output = { name: "probabilities", kind: "probabilities" };

function plain(colour: "red" | "blue"): Uint8Array {
  const data = Uint8Array.from({ length: 4 * 4 * 3 }, (_, i) => (i % 3 === (colour === "red" ? 0 : 2) ? 255 : 0));
  return encodePng({ width: 4, height: 4, data });
}

function writeManifest(folder: string, manifest: object): void {
  writeFileSync(join(folder, "model.json"), JSON.stringify(manifest));
}

/** A package to be filled: a network as it is after unpacking, and the class of a picture. */
function packageFor(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "classifier-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return {
    folder,
    write(network: Buffer) {
      const sha256 = createHash("sha256").update(network).digest("hex");
      writeFileSync(join(folder, "net.onnx"), network);
      writeFileSync(join(folder, "net.onnx.sha256"), sha256);
      return { file: "net.onnx", sha256 };
    },
    async ask(picture: Uint8Array): Promise<number> {
      const classifier = await loadClassifier(folder, { maxBatch: 2, threads: 1 });
      const [answer] = await classifier.classify([picture]);
      await classifier.close();
      assert.ok(answer !== undefined && "probabilities" in answer, JSON.stringify(answer));
      return answer.probabilities.indexOf(Math.max(...answer.probabilities));
    },
  };
}
