import { type PictureStatistics, pictureStatistics, statisticNames } from "../picture-statistics.ts";
import { readPicture } from "../read-picture.ts";
import type { NamedCell } from "./flat-columns.ts";

const columnNames: Record<keyof PictureStatistics, string> = {
  luminance: "picture_luminance",
  contrast: "picture_contrast",
  sharpness: "picture_sharpness",
  noise: "picture_noise",
  saturation: "picture_saturation",
  gradient: "picture_gradient",
  clipped: "picture_clipped",
  redMinusBlue: "picture_red_minus_blue",
  blockiness: "picture_blockiness",
};

/** A picture as columns: its nine statistics, and its size as a category. Bytes that cannot be decoded leave the statistics missing. */
export function pictureCells(bytes: Uint8Array): NamedCell[] {
  const picture = readPicture(bytes);
  const statistics = picture && pictureStatistics(picture.image);
  const size = picture === undefined ? "unreadable" : `${picture.width}x${picture.height}`;
  return [
    ...statisticNames.map((name) => [columnNames[name], statistics?.[name]] as const),
    ["picture_size", size] as const,
  ];
}
