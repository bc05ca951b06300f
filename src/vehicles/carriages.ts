import { black, type Colour, glass, lit, mix, paint, steel } from "./colour.ts";
import type { Lamps } from "./lamps.ts";
import type { Random } from "./random.ts";
import { at, rounded, type Stage } from "./space.ts";

/** Half the width of everything that runs on rails; metres. */
export const half = 1.4;

export function carriage(
  stage: Stage,
  x: [number, number],
  look: { colour: Colour; second: Colour; lamps: Lamps; random: Random },
): void {
  bogies(stage, x);
  stage.block([x[1], x[1] + 0.4], [0.9, 2.9], [-half + 0.3, half - 0.3], black);
  stage.prism(
    rounded(
      [
        [x[0], 0.6],
        [x[1], 0.6],
        [x[1], 3.5],
        [x[0], 3.5],
      ],
      0.22,
      4,
    ),
    { z0: -half, z1: half },
    look.colour,
  );
  const z = half + 0.01;
  stage.sheet(
    at(
      [
        [x[0], 0.75],
        [x[1], 0.75],
        [x[1], 1.35],
        [x[0], 1.35],
      ],
      z,
    ),
    { from: look.second, to: lit(look.second, 0.75) },
  );
  windows(stage, [x[0] + 1.4, x[1] - 1.4], [1.8, 2.8], look);
  for (const door of [x[0] + 0.3, x[1] - 1.2]) {
    stage.sheet(
      at(
        [
          [door, 0.8],
          [door + 0.9, 0.8],
          [door + 0.9, 3.0],
          [door, 3.0],
        ],
        z + 0.004,
      ),
      mix(look.colour, black, 0.3),
    );
    stage.sheet(
      at(
        [
          [door + 0.2, 1.9],
          [door + 0.7, 1.9],
          [door + 0.7, 2.8],
          [door + 0.2, 2.8],
        ],
        z + 0.006,
      ),
      lit(glass, 1.1),
    );
  }
}

export function freight(stage: Stage, random: Random, x: [number, number]): void {
  bogies(stage, x);
  const colour = paint(random);
  stage.block(x, [0.7, 1.1], [-half, half], [70, 62, 58]);
  stage.block([x[0] + 0.15, x[1] - 0.15], [1.1, random.between(2.6, 3.6)], [-half, half], colour);
  for (let rib = 0; rib < 14; rib++) {
    const at_ = x[0] + 0.4 + rib * 0.62;
    if (at_ < x[1] - 0.3)
      stage.sheet(
        at(
          [
            [at_, 1.15],
            [at_, 2.55],
          ],
          half + 0.01,
        ),
        black,
        { stroke: mix(colour, black, 0.35), strokeWidth: 0.07 },
      );
  }
}

export function windows(
  stage: Stage,
  [x0, x1]: [number, number],
  [y0, y1]: [number, number],
  { lamps, random }: { lamps: Lamps; random: Random },
): void {
  const z = half + 0.012;
  const count = Math.max(2, Math.round((x1 - x0) / 1.25));
  const pitch = (x1 - x0) / count;
  stage.sheet(
    at(
      [
        [x0 - 0.1, y0 - 0.08],
        [x1 + 0.1, y0 - 0.08],
        [x1 + 0.1, y1 + 0.08],
        [x0 - 0.1, y1 + 0.08],
      ],
      z,
    ),
    [36, 38, 44],
  );
  for (let i = 0; i < count; i++) {
    const tone = lamps.areOn
      ? mix([255, 216, 132], glass, random.between(0, 0.45))
      : lit(glass, random.between(0.85, 1.25));
    stage.sheet(
      at(
        [
          [x0 + i * pitch + 0.09, y0],
          [x0 + (i + 1) * pitch - 0.09, y0],
          [x0 + (i + 1) * pitch - 0.09, y1],
          [x0 + i * pitch + 0.09, y1],
        ],
        z + 0.004,
      ),
      { from: lit(tone, 1.3), to: lit(tone, 0.85) },
    );
  }
}

export function bogies(stage: Stage, [x0, x1]: [number, number]): void {
  stage.block([x0 + 0.3, x1 - 0.3], [0.4, 0.7], [-half + 0.4, half - 0.25], [46, 46, 50]);
  for (const x of [x0 + 1.1, x0 + 2.4, x1 - 2.4, x1 - 1.1]) {
    stage.circle([x, 0.45, half - 0.3], 0.45, { fill: { from: [92, 92, 98], to: [44, 44, 48] } });
    stage.circle([x, 0.45, half - 0.28], 0.2, { fill: lit(steel, 0.6) });
  }
}
