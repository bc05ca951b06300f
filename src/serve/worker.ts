// The process that holds one network. Plumbing only: frames come in on descriptor 3, answers go out on it, and the process
// ends when it closes, so no worker outlives its server. Run as: node worker.js FOLDER MAX_BATCH THREADS
import { Socket } from "node:net";
import { argv, exit } from "node:process";
import { batches } from "./batches.ts";
import { type Classification, type Classifier, loadClassifier } from "./classifier.ts";
import { frameReader, writeFrame } from "./frames.ts";
import { pythonList } from "./python-float.ts";

const gateway = new Socket({ fd: 3, readable: true, writable: true });
gateway.on("close", () => exit(0));
gateway.on("end", () => exit(0));
gateway.on("error", () => exit(0));

const [, , folder = "", maxBatch = "1", threads = "1"] = argv;
try {
  const classifier = await loadClassifier(folder, { maxBatch: Number(maxBatch), threads: Number(threads) });
  const take = batches<Uint8Array>(classifier.batch, (pictures) => answer(classifier, pictures));
  gateway.on("data", frameReader(take));
  writeFrame(gateway, [Buffer.from("ready"), Buffer.from(String(classifier.batch))]);
} catch (error) {
  gateway.resume();
  writeFrame(gateway, [Buffer.from("failed"), Buffer.from((error as Error).message)]);
  gateway.end(() => exit(1));
}

async function answer(classifier: Classifier, pictures: Uint8Array[]): Promise<void> {
  let answers: Classification[];
  try {
    answers = await classifier.classify(pictures);
  } catch (error) {
    answers = pictures.map(() => ({ status: 500, message: (error as Error).message }));
  }
  writeFrame(gateway, [Buffer.from("answers"), ...answers.map(encodeAnswer)]);
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
