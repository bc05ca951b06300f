import type { Image } from "../images/image.ts";
import { resize } from "../images/resize.ts";

/*
 * What is where in a picture, in 48 numbers that light and contrast leave alone: the brightness of 4 x 4 fields, and how the
 * edges of each quarter are directed. Statistics of pixels do not see a camera that was turned, or other things before it.
 */

const side = 32;
const fields = 4;
const directions = 8;
/** Added to a contrast that is divided by: a picture of nothing has a layout of nothing, and no noise blown up. */
const leastContrast = 0.02;

export function pictureLayout(image: Image): Float64Array {
  const grey = greyOf(resize(image, side, side));
  const layout = new Float64Array(fields * fields + 4 * directions);
  fieldsOf(grey, layout.subarray(0, fields * fields));
  edgesOf(grey, layout.subarray(fields * fields));
  return layout;
}

function greyOf({ data }: Image): Float64Array {
  return Float64Array.from({ length: side * side }, (_, i) => {
    const [red, green, blue] = [data[3 * i] as number, data[3 * i + 1] as number, data[3 * i + 2] as number];
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
  });
}

function fieldsOf(grey: Float64Array, into: Float64Array): void {
  const mean = grey.reduce((sum, value) => sum + value, 0) / grey.length;
  const contrast = Math.sqrt(grey.reduce((sum, value) => sum + (value - mean) ** 2, 0) / grey.length);
  const width = side / fields;
  grey.forEach((value, i) => {
    const field = Math.floor(i / side / width) * fields + Math.floor((i % side) / width);
    into[field] = (into[field] as number) + (value - mean) / (width * width * (contrast + leastContrast));
  });
}

/** Per quarter the lengths of its gradients by direction, as shares of all. */
function edgesOf(grey: Float64Array, into: Float64Array): void {
  let all = leastContrast;
  for (let y = 1; y < side - 1; y++) {
    for (let x = 1; x < side - 1; x++) {
      const i = y * side + x;
      const across = (grey[i + 1] as number) - (grey[i - 1] as number);
      const down = (grey[i + side] as number) - (grey[i - side] as number);
      const length = Math.hypot(across, down);
      // An edge has no sign: from dark to light is as good as back.
      const turn = (Math.atan2(down, across) / Math.PI + 1) % 1;
      const quarter = 2 * Number(y >= side / 2) + Number(x >= side / 2);
      const bin = quarter * directions + (Math.floor(turn * directions) % directions);
      into[bin] = (into[bin] as number) + length;
      all += length;
    }
  }
  for (let bin = 0; bin < into.length; bin++) into[bin] = (into[bin] as number) / all;
}
