import { cabin, lamp, rect3 } from "./body-parts.ts";
import { black, type Colour, mix, paint, steel } from "./colour.ts";
import type { Lamps } from "./lamps.ts";
import type { Random } from "./random.ts";
import { at, type Point, rounded, type Stage } from "./space.ts";
import { castWheel } from "./wheels.ts";

export function tractor(stage: Stage, random: Random, lamps: Lamps): void {
  const colour = random.chance(0.7)
    ? random.pick<Colour>([
        [46, 122, 52],
        [190, 36, 32],
        [30, 92, 160],
        [226, 120, 30],
      ])
    : paint(random);
  const rim: Colour = random.chance(0.5) ? [240, 200, 60] : [236, 236, 232];
  const big = random.between(0.72, 0.88);
  const small = random.between(0.4, 0.52);
  const wheels = random.fork("wheels");
  const [rear, front_]: [Point, Point] = [
    [-0.85, big, 0],
    [1.15, small, 0],
  ];
  stage.shadow([-1.7, 1.8], [-0.95, 0.95]);
  castWheel(stage, [rear[0], rear[1], -0.75], { radius: big, width: 0.42, metal: rim, random: wheels });
  castWheel(stage, [front_[0], front_[1], -0.7], { radius: small, width: 0.26, metal: rim, random: wheels });
  stage.block([-1.2, 1.2], [0.62, 0.9], [-0.3, 0.3], black);
  const hasCab = random.chance(0.65);
  if (hasCab)
    cabin(stage, { x: [-1.35, 0.2], y: [1.3, 2.5], half: 0.62, rake: [0.12, 0.14], colour, lamps, pillars: [0.5] });
  stage.prism(
    rounded(
      [
        [0.1, 0.75],
        [1.65, 0.75],
        [1.7, 1.1],
        [1.55, 1.42],
        [0.1, 1.55],
      ],
      0.14,
    ),
    { z0: -0.34, z1: 0.34 },
    colour,
  );
  stage.face(rect3(1.7, [0.8, 1.3], [-0.24, 0.24]), [1, 0, 0], black);
  for (const z of [-0.2, 0.2]) stage.face(rect3(1.72, [1.14, 1.28], [z - 0.08, z + 0.08]), [1, 0, 0], lamp);
  if (lamps.areOn) stage.glow([1.74, 1.2, 0.2], 0.6, [255, 238, 196]);
  for (let slit = 0; slit < 4; slit++)
    stage.sheet(
      at(
        [
          [0.95 + slit * 0.13, 0.95],
          [1.02 + slit * 0.13, 0.95],
          [1.02 + slit * 0.13, 1.25],
          [0.95 + slit * 0.13, 1.25],
        ],
        0.35,
      ),
      black,
    );
  stage.tube(
    [
      [0.7, 1.45, 0.2],
      [0.7, 2.3, 0.2],
    ],
    0.1,
    mix(steel, black, 0.5),
  );
  stage.prism(
    rounded(
      [
        [-1.75, 1.2],
        [-0.1, 0.8],
        [0.1, 1.0],
        [-0.1, 1.4],
        [-0.6, 1.75],
        [-1.3, 1.7],
      ],
      0.2,
    ),
    { z0: 0.36, z1: 0.6 },
    colour,
  );
  if (!hasCab) {
    stage.block([-0.95, -0.6], [1.45, 1.6], [-0.2, 0.2], black);
    stage.tube(
      [
        [-0.95, 1.5, 0],
        [-1.05, 1.95, 0],
      ],
      0.28,
      black,
    );
    stage.tube(
      [
        [0.1, 1.5, 0],
        [-0.25, 1.85, 0],
      ],
      0.06,
      black,
    );
    stage.tube(
      [
        [-0.3, 1.8, -0.2],
        [-0.22, 1.92, 0.2],
      ],
      0.05,
      black,
    );
  }
  castWheel(stage, [front_[0], front_[1], 0.65], { radius: small, width: 0.26, metal: rim, random: wheels });
  castWheel(stage, [rear[0], rear[1], 0.72], { radius: big, width: 0.42, metal: rim, random: wheels });
}
