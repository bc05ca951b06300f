import type { Layer, Network } from "./network.ts";

/** The widths of the recipe. */
const recipeWidths = [32, 32, 64, 128] as const;

/**
 * The recipe's network: 417,000 parameters, 29 million multiplications for a 32 x 32 picture. For pictures larger than 64 its first layer
 * strides, which costs a quarter; such a network has a name of its own.
 */
export function resnet9(
  classes: number,
  { widths = recipeWidths, isLarge = false }: { widths?: readonly number[]; isLarge?: boolean } = {},
): Network {
  const [a, b, c, d] = widths as readonly [number, number, number, number];
  const unit = (name: string, inputs: number, outputs: number, stride = 1): Layer[] => [
    { kind: "convolution", name: `${name}.convolution`, inputs, outputs, kernel: 3, stride },
    { kind: "norm", name: `${name}.norm`, channels: outputs },
    { kind: "relu" },
  ];
  // The pool stands before the norm: ties are rare there, and the norm works on a quarter of the data.
  const pooled = (name: string, inputs: number, outputs: number): Layer[] => {
    const [convolution, ...rest] = unit(name, inputs, outputs);
    return [convolution!, { kind: "maxPool" }, ...rest];
  };
  const residual = (name: string, channels: number): Layer => ({
    kind: "residual",
    body: [...unit(`${name}.1`, channels, channels), ...unit(`${name}.2`, channels, channels)],
    shortcut: [],
  });
  return {
    name: nameOf("resnet9", isLarge),
    classes,
    layers: [
      ...unit("stem", 3, a, isLarge ? 2 : 1),
      ...pooled("stage1", a, b),
      residual("stage1.residual", b),
      ...pooled("stage2", b, c),
      ...pooled("stage3", c, d),
      residual("stage3.residual", d),
      { kind: "globalMax" },
      { kind: "linear", name: "head", inputs: d, outputs: classes },
    ],
  };
}

function nameOf(name: string, isLarge: boolean): string {
  return isLarge ? `${name}-large` : name;
}

const blocksPerStage: Record<number, readonly number[]> = {
  18: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
  200: [3, 24, 36, 3],
};

/**
 * A residual network of the depth that was asked for: 20, 32, 44, 56 and 110 are the narrow ones for small pictures (three stages
 * of 16, 32, 64 channels), the others the wide ones (64 to 512). The stem for small pictures is 3 x 3; that for pictures larger than 64
 * is 7 x 7 with stride 2 and a pool, as its authors have it, so that what follows works on a sixteenth of the area.
 */
export function residualNetwork(depth: number, classes: number, { isLarge = false } = {}): Network {
  const wide = blocksPerStage[depth];
  const stages = wide ?? [0, 1, 2].map(() => (depth - 2) / 6);
  const hasBottleneck = wide !== undefined && depth >= 50;
  const first = wide === undefined ? 16 : 64;
  const layers: Layer[] = [
    ...convolutionNorm("stem", {
      inputs: 3,
      outputs: first,
      ...(isLarge ? { kernel: 7, stride: 2 } : { kernel: 3, stride: 1 }),
    }),
    { kind: "relu" },
    ...(isLarge ? [{ kind: "maxPool" as const }] : []),
  ];
  let inputs = first;
  stages.forEach((blocks, stage) => {
    const width = first * 2 ** stage;
    for (let block = 0; block < blocks; block++) {
      const name = `stage${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const outputs = hasBottleneck ? width * 4 : width;
      const body = hasBottleneck
        ? [
            ...convolutionNorm(`${name}.1`, { inputs, outputs: width, kernel: 1, stride: 1 }),
            { kind: "relu" as const },
            ...convolutionNorm(`${name}.2`, { inputs: width, outputs: width, kernel: 3, stride }),
            { kind: "relu" as const },
            ...convolutionNorm(`${name}.3`, { inputs: width, outputs, kernel: 1, stride: 1 }),
          ]
        : [
            ...convolutionNorm(`${name}.1`, { inputs, outputs: width, kernel: 3, stride }),
            { kind: "relu" as const },
            ...convolutionNorm(`${name}.2`, { inputs: width, outputs, kernel: 3, stride: 1 }),
          ];
      const isSame = stride === 1 && inputs === outputs;
      const shortcut = isSame ? [] : convolutionNorm(`${name}.shortcut`, { inputs, outputs, kernel: 1, stride });
      layers.push({ kind: "residual", body, shortcut }, { kind: "relu" });
      inputs = outputs;
    }
  });
  layers.push({ kind: "globalAverage" }, { kind: "linear", name: "head", inputs, outputs: classes });
  return { name: nameOf(`resnet${depth}`, isLarge), classes, layers };
}

function convolutionNorm(
  name: string,
  shape: { inputs: number; outputs: number; kernel: number; stride: number },
): Layer[] {
  return [
    { kind: "convolution", name: `${name}.convolution`, ...shape },
    { kind: "norm", name: `${name}.norm`, channels: shape.outputs },
  ];
}
