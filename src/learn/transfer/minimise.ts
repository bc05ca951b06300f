// L-BFGS: the few last steps and changes of the gradient stand for the curvature (Nocedal and Wright, "Numerical Optimization", 7.2).

export type Objective = (x: Float64Array) => Promise<{ value: number; gradient: Float64Array }>;

const memory = 10;
const sufficientDecrease = 1e-4;

/** The minimum of a smooth convex function, from `start`; ends when the gradient is `tolerance` of what it was, or after `most` steps. */
export async function minimise(
  objective: Objective,
  start: Float64Array,
  { tolerance, most }: { tolerance: number; most: number },
): Promise<Float64Array> {
  let x: Float64Array = start.slice();
  let { value, gradient } = await objective(x);
  const enough = tolerance * Math.max(1e-3, norm(gradient));
  const pairs: { step: Float64Array; change: Float64Array; curvature: number }[] = [];
  for (let iteration = 0; iteration < most && norm(gradient) > enough; iteration++) {
    const direction = descent(gradient, pairs);
    const slope = dot(direction, gradient);
    let length = pairs.length === 0 ? Math.min(1, 1 / norm(gradient)) : 1;
    let next = await objective(moved(x, direction, length));
    while (next.value > value + sufficientDecrease * length * slope && length > 1e-10) {
      length /= 2;
      next = await objective(moved(x, direction, length));
    }
    if (length <= 1e-10) break; // rounding is all that is left
    const target = moved(x, direction, length);
    const step = target.map((one, i) => one - x[i]!);
    const change = next.gradient.map((one, i) => one - gradient[i]!);
    const curvature = dot(step, change);
    if (curvature > 1e-12) pairs.push({ step, change, curvature });
    if (pairs.length > memory) pairs.shift();
    [x, value, gradient] = [target, next.value, next.gradient];
  }
  return x;
}

function descent(
  gradient: Float64Array,
  pairs: readonly { step: Float64Array; change: Float64Array; curvature: number }[],
): Float64Array {
  const direction = gradient.map((one) => -one);
  const weights: number[] = [];
  for (const { step, change, curvature } of [...pairs].reverse()) {
    const weight = dot(step, direction) / curvature;
    weights.push(weight);
    addScaled(direction, change, -weight);
  }
  const last = pairs.at(-1);
  if (last !== undefined) {
    const scale = last.curvature / dot(last.change, last.change);
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  for (const { step, change, curvature } of pairs) {
    addScaled(direction, step, weights.pop()! - dot(change, direction) / curvature);
  }
  return direction;
}

function moved(x: Float64Array, direction: Float64Array, length: number): Float64Array {
  return x.map((one, i) => one + length * direction[i]!);
}

function addScaled(target: Float64Array, values: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * values[i]!;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}
