import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { encodePng } from "../../images/png-encode.ts";
import { drawVehicle, vehicleKinds } from "../../vehicles/draw-vehicle.ts";
import type { Clients } from "../clients.ts";
import { classify } from "./classify.ts";
import { inParallel } from "./stage.ts";
import type { StagedImage } from "./staged.ts";

/** Asking about this many shows what the model is sure of; more would only take longer. */
const askedAtMost = 200;
const requestsInFlight = 8;
const strangersDrawn = 40;
const strangerSize = 64;

export interface ChosenImage {
  key: string;
  /** What it shows. */
  actual: string;
}

export interface ChosenImages {
  /** The clearest and the least certain, most certain first. */
  images: ChosenImage[];
  asked: number;
  belowThreshold: number;
}

interface Options {
  bucket: string;
  prefix: string;
  images: StagedImage[];
  classes: string[];
  ofEachKind: number;
  threshold: number;
  signal: AbortSignal;
  onProgress: (line: string) => void;
}

/**
 * Asks the endpoint about test images and picks those that show both ends: where it is sure, and where it is not. A model
 * that is sure of every test image is asked about vehicles it has never seen, in the dark and in fog.
 */
export async function chooseImages(clients: Clients, endpointName: string, options: Options): Promise<ChosenImages> {
  const step = Math.max(1, Math.ceil(options.images.length / askedAtMost));
  const known = options.images.filter((_, i) => i % step === 0);
  const asked = await ask(
    clients,
    endpointName,
    known.map(({ key, label }) => ({ key, actual: options.classes[label] ?? `class-${label}` })),
    options,
  );
  const isUnsure = ({ confidence }: Asked): boolean => confidence < options.threshold;
  if (!asked.some(isUnsure))
    asked.push(...(await ask(clients, endpointName, await drawStrangers(clients, options), options)));
  asked.sort((left, right) => right.confidence - left.confidence || (left.key < right.key ? -1 : 1));
  const shown = new Set([...asked.slice(0, options.ofEachKind), ...asked.slice(-options.ofEachKind)]);
  return {
    images: [...shown].map(({ key, actual }) => ({ key, actual })),
    asked: asked.length,
    belowThreshold: asked.filter(isUnsure).length,
  };
}

interface Asked extends ChosenImage {
  confidence: number;
}

async function ask(clients: Clients, endpointName: string, images: ChosenImage[], options: Options): Promise<Asked[]> {
  const asked: Asked[] = [];
  await inParallel(images, requestsInFlight, async (image) => {
    options.signal.throwIfAborted();
    const object = await clients.s3.send(new GetObjectCommand({ Bucket: options.bucket, Key: image.key }));
    const bytes = (await object.Body?.transformToByteArray()) ?? new Uint8Array();
    const { confidence } = await classify(clients, endpointName, { name: image.key, bytes }, options.signal);
    asked.push({ ...image, confidence });
    options.onProgress(`${asked.length} images asked`);
  });
  return asked;
}

async function drawStrangers(clients: Clients, options: Options): Promise<ChosenImage[]> {
  const kinds = vehicleKinds.filter((kind) => !options.classes.includes(kind));
  const strangers: ChosenImage[] = [];
  for (let i = 0; i < strangersDrawn; i++) {
    const kind = kinds[i % kinds.length] ?? "tractor";
    const conditions =
      i % 2 === 0 ? ({ light: "night", severity: 0.9 } as const) : ({ weather: "fog", severity: 0.9 } as const);
    const key = `${options.prefix}/strangers/${kind}_${i}.png`;
    const png = encodePng(drawVehicle({ kind, seed: `stranger/${i}`, size: strangerSize, conditions }));
    await clients.s3.send(
      new PutObjectCommand({ Bucket: options.bucket, Key: key, Body: png, ContentType: "image/png" }),
    );
    strangers.push({ key, actual: kind });
  }
  return strangers;
}
