import type { Layout, Parameter } from "../network.ts";

// The fast convolution wants its weights in blocks: [K/B][C/B][k*k][B of C][B of K] in place of [K][C][k*k]. Optimiser and
// averages work element by element and do not care, so weights live in that order during training and change it only
// when a model goes in or out.

export interface Blocking {
  /** Pictures per run of one worker. */
  batch: number;
  /** Channels per block of the fast convolution, 0 where there is none. */
  block: number;
}

/** Whether this convolution runs in blocks. A channel count that is no multiple of the block would kill the process. */
export function isBlocked({ kind, shape, isFirst }: Parameter, { batch, block }: Blocking): boolean {
  if (block === 0 || kind !== "convolution") return false;
  const [outputs, inputs] = shape as [number, number];
  return batch % block === 0 && outputs % block === 0 && (isFirst ? inputs < block : inputs % block === 0);
}

/** Whether its weights lie in blocks: those of the first one, of pictures, stay in the plain order. */
function isReordered(parameter: Parameter, blocking: Blocking): boolean {
  return !parameter.isFirst && isBlocked(parameter, blocking);
}

/** From blocks to the plain order, into a new array. */
export function toPlainOrder(values: Float32Array, layout: Layout, blocking: Blocking): Float32Array {
  return reorder(values, layout, { blocking, toBlocks: false });
}

/** From the plain order to blocks, into a new array. */
export function toBlockedOrder(values: Float32Array, layout: Layout, blocking: Blocking): Float32Array {
  return reorder(values, layout, { blocking, toBlocks: true });
}

function reorder(
  values: Float32Array,
  layout: Layout,
  { blocking, toBlocks }: { blocking: Blocking; toBlocks: boolean },
): Float32Array {
  const result = values.slice();
  const block = blocking.block;
  for (const parameter of layout.parameters) {
    if (!isReordered(parameter, blocking)) continue;
    const [outputs, inputs, height, width] = parameter.shape as [number, number, number, number];
    const area = height * width;
    for (let k = 0; k < outputs; k++) {
      for (let c = 0; c < inputs; c++) {
        const tile = (Math.floor(k / block) * (inputs / block) + Math.floor(c / block)) * area;
        for (let q = 0; q < area; q++) {
          const plain = parameter.offset + (k * inputs + c) * area + q;
          const blocked = parameter.offset + ((tile + q) * block + (c % block)) * block + (k % block);
          if (toBlocks) result[blocked] = values[plain]!;
          else result[plain] = values[blocked]!;
        }
      }
    }
  }
  return result;
}
