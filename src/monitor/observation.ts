import { bytesOf, type CaptureRecord } from "./capture-record.ts";
import { pictureLayout } from "./picture-layout.ts";
import { type PictureStatistics, pictureStatistics } from "./picture-statistics.ts";
import { readPicture } from "./read-picture.ts";

/** What is known of one captured exchange for the purpose of drift. */
export interface Observation {
  statistics?: PictureStatistics;
  /** Where things are in the picture. */
  layout?: Float64Array;
  probabilities?: readonly number[];
  confidence?: number;
  predictedLabel?: number;
}

/** Looks at the picture and the prediction of a capture; what is not there or cannot be decoded is absent. */
export function observe({ input, probabilities, confidence, predictedLabel }: CaptureRecord): Observation {
  // Only pictures travel in base64; anything else in it is none and is found out.
  const picture = input?.encoding === "BASE64" ? readPicture(bytesOf(input)) : undefined;
  return {
    ...(picture && { statistics: pictureStatistics(picture.image), layout: pictureLayout(picture.image) }),
    ...(probabilities && { probabilities }),
    ...(confidence !== undefined && { confidence }),
    ...(predictedLabel !== undefined && { predictedLabel }),
  };
}
