// The process that holds one network. Plumbing only: frames come in on descriptor 3, answers go out on it, and the process
// ends when it closes, so no worker outlives its server. Run as: node worker.js FOLDER MAX_BATCH
import { Socket } from "node:net";
import { argv, exit } from "node:process";
import { type Classification, type Classifier, loadClassifier } from "./classifier.ts";
import { encodeFrame, frameReader } from "./frames.ts";
import { pythonList } from "./python-float.ts";

const gateway = new Socket({ fd: 3, readable: true, writable: true });
gateway.on("close", () => exit(0));
gateway.on("end", () => exit(0));
gateway.on("error", () => exit(0));

const [, , folder = "", maxBatch = "1"] = argv;
try {
  const classifier = await loadClassifier(folder, Number(maxBatch));
  let turn = Promise.resolve();
  const read = frameReader((pictures) => {
    turn = turn.then(() => answer(classifier, pictures));
  });
  gateway.on("data", read);
  gateway.write(encodeFrame([Buffer.from("ready")]));
} catch (error) {
  gateway.resume();
  gateway.end(encodeFrame([Buffer.from("failed"), Buffer.from((error as Error).message)]), () => exit(1));
}

async function answer(classifier: Classifier, pictures: Uint8Array[]): Promise<void> {
  let answers: Classification[];
  try {
    answers = await classifier.classify(pictures);
  } catch (error) {
    answers = pictures.map(() => ({ status: 500, message: (error as Error).message }));
  }
  gateway.write(encodeFrame([Buffer.from("answers"), ...answers.map(encodeAnswer)]));
}

/** A status (2 bytes) and a text: the printed probabilities or what went wrong. */
function encodeAnswer(answer: Classification): Uint8Array {
  const isGood = "probabilities" in answer;
  const text = Buffer.from(isGood ? pythonList(answer.probabilities) : answer.message);
  const encoded = Buffer.allocUnsafe(2 + text.length);
  encoded.writeUInt16BE(isGood ? 200 : answer.status, 0);
  encoded.set(text, 2);
  return encoded;
}
