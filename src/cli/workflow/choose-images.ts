import { GetObjectCommand } from "@aws-sdk/client-s3";
import type { Clients } from "../clients.ts";
import { classify } from "./classify.ts";
import { inParallel } from "./stage.ts";
import type { StagedImage } from "./staged.ts";

/** Asking about this many shows what the model is sure of; more would only take longer. */
const askedAtMost = 200;
const requestsInFlight = 8;

export interface ChosenImages {
  /** The clearest and the least certain, most certain first. */
  images: StagedImage[];
  asked: number;
  correct: number;
  belowThreshold(threshold: number): number;
}

/** Asks the endpoint about test images and picks those that show both ends: where it is sure, and where it is not. */
export async function chooseImages(
  clients: Clients,
  endpointName: string,
  options: {
    bucket: string;
    images: StagedImage[];
    ofEachKind: number;
    signal: AbortSignal;
    onProgress: (line: string) => void;
  },
): Promise<ChosenImages> {
  const step = Math.max(1, Math.ceil(options.images.length / askedAtMost));
  const asked: { image: StagedImage; confidence: number; isCorrect: boolean }[] = [];
  await inParallel(
    options.images.filter((_, i) => i % step === 0),
    requestsInFlight,
    async (image) => {
      options.signal.throwIfAborted();
      const object = await clients.s3.send(new GetObjectCommand({ Bucket: options.bucket, Key: image.key }));
      const bytes = (await object.Body?.transformToByteArray()) ?? new Uint8Array();
      const { label, confidence } = await classify(clients, endpointName, { name: image.key, bytes }, options.signal);
      asked.push({ image, confidence, isCorrect: label === image.label });
      options.onProgress(`${asked.length} images asked`);
    },
  );
  asked.sort((left, right) => right.confidence - left.confidence || (left.image.key < right.image.key ? -1 : 1));
  const shown = new Set([...asked.slice(0, options.ofEachKind), ...asked.slice(-options.ofEachKind)]);
  return {
    images: [...shown].map((entry) => entry.image),
    asked: asked.length,
    correct: asked.filter((entry) => entry.isCorrect).length,
    belowThreshold: (threshold) => asked.filter((entry) => entry.confidence < threshold).length,
  };
}
