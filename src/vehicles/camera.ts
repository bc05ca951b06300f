import type { Image } from "../images/image.ts";
import type { Random } from "./random.ts";

interface Lens {
  /** Deviation of 0..255 values. */
  noise: number;
  /** Radius in pixels of the final picture. */
  blur: number;
  exposure: number;
  /** Gains of red and blue. */
  warmth: number;
  vignette: number;
}

/** RGBA of `factor` times the size becomes RGB: averaged, blurred, exposed, noisy, as a small camera delivers it. */
export function develop(
  rgba: Uint8Array,
  { size, factor, lens, random }: { size: number; factor: number; lens: Lens; random: Random },
): Image {
  const pixels = lens.blur > 0.25 ? blurred(average(rgba, size, factor), size, lens.blur) : average(rgba, size, factor);
  const data = new Uint8Array(size * size * 3);
  const gains = [lens.exposure * (1 + lens.warmth), lens.exposure, lens.exposure * (1 - lens.warmth)] as const;
  // Drawing a normal number per value would cost more than the whole picture: a table entered at random places is as good to the eye.
  const grain = Float32Array.from({ length: 1021 }, () => random.normal() * lens.noise);
  let entry = 0;
  for (let y = 0; y < size; y++) {
    entry = Math.floor(random.next() * grain.length);
    const fromMiddleY = (2 * y) / size - 1;
    for (let x = 0; x < size; x++) {
      const fromMiddleX = (2 * x) / size - 1;
      const corner = 1 - lens.vignette * (fromMiddleX * fromMiddleX + fromMiddleY * fromMiddleY) * 0.5;
      const i = (y * size + x) * 3;
      const luminanceGrain = grain[entry++ % grain.length] as number;
      for (let channel = 0; channel < 3; channel++) {
        const value = (pixels[i + channel] as number) * (gains[channel] as number) * corner;
        const colourGrain = grain[entry++ % grain.length] as number;
        data[i + channel] = Math.max(0, Math.min(255, Math.round(value + luminanceGrain * 0.8 + colourGrain * 0.6)));
      }
    }
  }
  return { width: size, height: size, data };
}

function average(rgba: Uint8Array, size: number, factor: number): Float32Array {
  const pixels = new Float32Array(size * size * 3);
  const width = size * factor;
  const weight = 1 / (factor * factor);
  for (let y = 0; y < width; y++) {
    const row = Math.floor(y / factor) * size;
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 4;
      const to = (row + Math.floor(x / factor)) * 3;
      pixels[to] = (pixels[to] as number) + (rgba[from] as number) * weight;
      pixels[to + 1] = (pixels[to + 1] as number) + (rgba[from + 1] as number) * weight;
      pixels[to + 2] = (pixels[to + 2] as number) + (rgba[from + 2] as number) * weight;
    }
  }
  return pixels;
}

function blurred(pixels: Float32Array, size: number, radius: number): Float32Array {
  const reach = Math.ceil(radius * 2);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * radius * radius)));
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  return pass(pass(pixels, 3, size * 3), size * 3, 3);

  function pass(source: Float32Array, step: number, lineStep: number): Float32Array {
    const result = new Float32Array(source.length);
    for (let line = 0; line < size; line++) {
      for (let at = 0; at < size; at++) {
        for (let channel = 0; channel < 3; channel++) {
          let sum = 0;
          for (let k = -reach; k <= reach; k++) {
            const place = Math.max(0, Math.min(size - 1, at + k));
            sum += (source[line * lineStep + place * step + channel] as number) * (kernel[k + reach] as number);
          }
          result[line * lineStep + at * step + channel] = sum / total;
        }
      }
    }
    return result;
  }
}
