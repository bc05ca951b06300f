// A network that pools answers differently when the picture is moved by a pixel, or mirrored. A model may look at several such views of
// each picture and average what its networks say: that costs answers their speed, and training nothing.

export interface View {
  /** Pixels that the picture is moved by, to the left and up; what comes in at the border is reflected. */
  left: number;
  up: number;
  /** After it was moved. */
  isMirrored: boolean;
}

/** What a model may look at: the picture; its mirror image as well; or both of them, and both moved by a pixel to each corner. */
export const viewCounts = [1, 2, 10] as const;
export type ViewCount = (typeof viewCounts)[number];

export function viewsOf(count: ViewCount): View[] {
  const moves = [
    [0, 0],
    [1, 1],
    [-1, -1],
    [1, -1],
    [-1, 1],
  ] as const;
  return moves.flatMap(([left, up]) => [false, true].map((isMirrored) => ({ left, up, isMirrored }))).slice(0, count);
}

/** The view of each of the pictures, planar and one after the other; the same array where nothing changes. */
export function viewed(
  pictures: Float32Array,
  { left, up, isMirrored }: View,
  { height, width }: { height: number; width: number },
): Float32Array {
  if (left === 0 && up === 0 && !isMirrored) return pictures;
  const result = new Float32Array(pictures.length);
  for (let plane = 0; plane < pictures.length; plane += height * width) {
    for (let y = 0; y < height; y++) {
      const from = plane + reflected(y + up, height) * width;
      for (let x = 0; x < width; x++) {
        const moved = (isMirrored ? width - 1 - x : x) + left;
        result[plane + y * width + x] = pictures[from + reflected(moved, width)]!;
      }
    }
  }
  return result;
}

function reflected(at: number, length: number): number {
  if (at < 0) return -at;
  return at < length ? at : 2 * (length - 1) - at;
}
