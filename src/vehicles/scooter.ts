import { black, lit, mix, paint, steel } from "./colour.ts";
import type { Lamps } from "./lamps.ts";
import type { Random } from "./random.ts";
import { type RiderPose, rider } from "./rider.ts";
import { type Point, rounded, type Stage } from "./space.ts";
import { castWheel, headlamp } from "./wheels.ts";

/** The motorcycle that looks most like nothing else: small wheels, a step and a shield. */
export function scooter(stage: Stage, random: Random, lamps: Lamps): void {
  const colour = paint(random);
  const radius = random.between(0.2, 0.24);
  const rear: Point = [-0.55, radius, 0];
  const front: Point = [0.62, radius, 0];
  const bar: Point = [0.36, 1.0, 0];
  const pose: RiderPose = {
    hip: [-0.3, 0.88, 0],
    lean: random.between(0.05, 0.25),
    hand: [0.34, 1.02, 0.26],
    feet: [
      [0.16, 0.32, 0.12],
      [0.14, 0.32, -0.12],
    ],
    hipWidth: 0.12,
    isHelmeted: random.chance(0.85),
  };
  const paintRider = random.chance(0.48) ? rider(stage, random.fork("rider"), pose) : undefined;
  const wheels = random.fork("wheels");
  stage.shadow([-0.8, 0.85], [-0.22, 0.22]);
  paintRider?.far();
  castWheel(stage, rear, { radius, width: 0.12, metal: steel, random: wheels });
  castWheel(stage, front, { radius, width: 0.1, metal: steel, random: wheels });
  stage.tube([front, [0.44, 0.86, 0], bar], 0.06, mix(steel, black, 0.3));
  stage.prism(
    rounded(
      [
        [-0.86, 0.42],
        [-0.6, 0.3],
        [-0.12, 0.22],
        [0.3, 0.22],
        [0.34, 0.3],
        [0.0, 0.32],
        [-0.1, 0.62],
        [-0.2, 0.74],
        [-0.74, 0.7],
        [-0.92, 0.56],
      ],
      0.1,
      5,
    ),
    { z0: -0.18, z1: 0.18 },
    colour,
  );
  stage.prism(
    rounded(
      [
        [0.24, 0.24],
        [0.4, 0.24],
        [0.52, 0.5],
        [0.44, 0.96],
        [0.36, 0.96],
        [0.38, 0.5],
      ],
      0.08,
      5,
    ),
    { z0: -0.2, z1: 0.2 },
    colour,
  );
  stage.prism(
    rounded(
      [
        [0.48, radius + 0.2],
        [0.62, radius + 0.05],
        [0.82, radius + 0.05],
        [0.74, radius + 0.2],
        [0.6, radius + 0.27],
      ],
      0.06,
    ),
    { z0: -0.09, z1: 0.09 },
    colour,
  );
  const seat = random.chance(0.4) ? ([122, 78, 48] as const) : black;
  stage.prism(
    rounded(
      [
        [-0.78, 0.7],
        [-0.12, 0.7],
        [-0.1, 0.77],
        [-0.4, 0.82],
        [-0.78, 0.82],
      ],
      0.05,
    ),
    { z0: -0.15, z1: 0.15 },
    seat,
  );
  stage.circle([-0.5, 0.48, 0.185], 0.09, { fill: lit(colour, 0.6) });
  stage.tube(
    [
      [bar[0] - 0.06, 1.02, -0.32],
      [bar[0], 1.0, 0],
      [bar[0] - 0.06, 1.02, 0.32],
    ],
    0.045,
    black,
  );
  stage.ball([bar[0] + 0.06, 0.97, 0], 0.09, [250, 244, 212]);
  for (const z of [-0.28, 0.28]) {
    stage.tube(
      [
        [bar[0], 1.02, z * 0.8],
        [bar[0] + 0.02, 1.17, z],
      ],
      0.015,
      black,
    );
    stage.ball([bar[0] + 0.02, 1.19, z], 0.05, steel);
  }
  if (lamps.areOn) headlamp(stage, [bar[0] + 0.12, 0.97, 0.03], 0.3);
  if (random.chance(0.35)) stage.block([-0.98, -0.66], [0.84, 1.12], [-0.17, 0.17], paint(random));
  stage.ball([-0.88, 0.56, 0.05], 0.045, [206, 34, 30]);
  paintRider?.near();
}
