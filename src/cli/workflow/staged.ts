import { GetObjectCommand, NoSuchBucket, NoSuchKey } from "@aws-sdk/client-s3";
import type { Clients } from "../clients.ts";
import type { TrainingCounts } from "./hyperparameters.ts";

/** One line of a staged list: which picture, and which class it is of. */
export interface StagedImage {
  key: string;
  label: number;
}

/** The pictures of a split as its staged list names them. */
export async function stagedImages(
  clients: Clients,
  place: { bucket: string; prefix: string },
  split: "train" | "test",
): Promise<StagedImage[]> {
  const text = await listText(clients, place, split);
  return text.split("\n").flatMap((line) => {
    const [, label, name] = line.split("\t");
    return name === undefined ? [] : [{ key: `${place.prefix}/${split}/${name}`, label: Number(label) }];
  });
}

export async function stagedCounts(
  clients: Clients,
  place: { bucket: string; prefix: string },
): Promise<TrainingCounts> {
  const images = await stagedImages(clients, place, "train");
  return { trainingImages: images.length, classes: new Set(images.map((image) => image.label)).size };
}

async function listText(clients: Clients, place: { bucket: string; prefix: string }, split: string): Promise<string> {
  try {
    const object = await clients.s3.send(
      new GetObjectCommand({ Bucket: place.bucket, Key: `${place.prefix}/${split}.lst` }),
    );
    return (await object.Body?.transformToString()) ?? "";
  } catch (error) {
    if (error instanceof NoSuchKey || error instanceof NoSuchBucket) {
      throw new Error(`no data set is staged at s3://${place.bucket}/${place.prefix}; stage one with: scones stage`, {
        cause: error,
      });
    }
    throw error;
  }
}
