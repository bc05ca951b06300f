// Numbers of half precision (IEEE 754 binary16): a sign, 5 bits of exponent, 10 of fraction. They are kept as their bits, since not every
// Node that we run on has a Float16Array.

/** From here on a number is rounded to infinity; 65504 is the largest half below. */
export const leastInfiniteHalf = 65520;

/** What a half's exponent of 1 is in the bits of a float: 2 to the power of -14. Smaller numbers lose bits of their fraction. */
const leastNormal = 0x38800000;
/** Between the exponents that mean the same in a float (less 127) and in a half (less 15), in a float's bits. */
const rebias = (127 - 15) << 23;

/** The bits of the nearest halves; of two that are as near, the one whose last bit is 0. */
export function toHalf(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const sign = (bits[i]! >>> 16) & 0x8000;
    const magnitude = bits[i]! & 0x7fffffff;
    let half: number;
    if (magnitude > 0x7f800000) half = 0x7e00;
    else if (magnitude >= 0x47800000) half = 0x7c00;
    else if (magnitude >= leastNormal) {
      // Half of the last place, less the smallest bit where the last place is even; what carries is the next exponent, up to infinity.
      half = (magnitude - rebias + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    } else {
      // Multiples of 2 to the power of -24: a sum with 2 to the power of 52 has no places behind its point, and is rounded by the rule.
      half = Math.abs(values[i]!) * 2 ** 24 + 2 ** 52 - 2 ** 52;
    }
    halves[i] = sign | half;
  }
  return halves;
}

/** The values of halves, all of which a float holds exactly. */
export function fromHalf(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, (half) => {
    const sign = half < 0x8000 ? 1 : -1;
    const exponent = (half >>> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
}
