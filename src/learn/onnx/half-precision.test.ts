import assert from "node:assert/strict";
import { test } from "node:test";
import { floatsOf, floatTensor, openSession } from "../training/runtime.ts";
import { fromHalf, leastInfiniteHalf, toHalf } from "./half-precision.ts";
import { ModelWriter } from "./model-writer.ts";

const everyHalf = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
/** In rising order, zero first, infinity last. */
const positive = fromHalf(everyHalf.subarray(0, 0x7c01));

/** What ONNX Runtime makes of floats when it casts them to halves and back. */
async function rounded(values: Float32Array): Promise<Float32Array> {
  const writer = new ModelWriter();
  const x = writer.input("x", [values.length]);
  const half = writer.node("Cast", [x], { attributes: { to: 10 } });
  writer.node("Cast", [half], { attributes: { to: 1 }, names: ["y"] });
  writer.output("y", [values.length]);
  const session = await openSession(writer.finish());
  return floatsOf(await session.run({ x: floatTensor(values, [values.length]) }), "y");
}

/** The floats next to each of these, and in the middle between each two of them. */
function aroundHalves(): Float32Array {
  const bits = new Uint32Array(1);
  const float = new Float32Array(bits.buffer);
  const besides = (value: number, steps: readonly number[]) =>
    steps.map((step) => {
      float[0] = value;
      bits[0] = bits[0]! + step;
      return float[0]!;
    });
  const finite = positive.subarray(1, -1);
  return Float32Array.from(
    [...finite].flatMap((value, i) => {
      const next = finite[i + 1] ?? 65_536;
      return [value, (value + next) / 2].flatMap((one) => besides(one, [-1, 0, 1])).flatMap((one) => [one, -one]);
    }),
  );
}

test("every half is a float and the same half again; what is no number stays none", () => {
  const isNumber = (half: number) => (half & 0x7fff) <= 0x7c00;
  const numbers = everyHalf.filter(isNumber);
  assert.equal(numbers.length, 63_490);
  assert.deepEqual(toHalf(fromHalf(numbers)), numbers);
  const others = fromHalf(everyHalf.filter((half) => !isNumber(half)));
  assert.equal(others.filter(Number.isNaN).length, 2046);
  assert.deepEqual(new Set(toHalf(others)), new Set([0x7e00]));
});

test("halves are what the standard says they are", () => {
  const values = [0, -0, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 1 / 3, 1, -2, 65_504, Number.POSITIVE_INFINITY];
  assert.deepEqual(
    [...toHalf(Float32Array.from(values))],
    [0, 0x8000, 1, 0x03ff, 0x0400, 0x3555, 0x3c00, 0xc000, 0x7bff, 0x7c00],
  );
});

test("a number in the middle between two halves becomes the even one, beside it the nearer one", () => {
  const middles = positive.slice(0, -2).map((value, i) => (value + positive[i + 1]!) / 2);
  assert.equal(middles.length, 31_743);
  assert.deepEqual(
    toHalf(middles),
    Uint16Array.from(middles, (_, i) => i + (i % 2)),
  );
  assert.deepEqual(
    toHalf(middles.map((value) => value * (1 - 2 ** -23))),
    Uint16Array.from(middles, (_, i) => i),
  );
  assert.deepEqual(
    toHalf(middles.map((value) => value * (1 + 2 ** -23))),
    Uint16Array.from(middles, (_, i) => i + 1),
  );
});

test("what is too large becomes infinity, what is too small zero", () => {
  const values = [65_519.996, leastInfiniteHalf, 3e38, 2 ** -25, 2 ** -149];
  assert.deepEqual([...toHalf(Float32Array.from(values))], [0x7bff, 0x7c00, 0x7c00, 0, 0]);
});

test("ONNX Runtime rounds every half, its neighbours and the middles as we do", async () => {
  const values = aroundHalves();
  assert.equal(values.length, 31_743 * 12);
  assert.deepEqual(await rounded(values), fromHalf(toHalf(values)));
});
