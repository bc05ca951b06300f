import { cabin, front, handle, rect3, seam, tailLamp, wheelArches } from "./body-parts.ts";
import { black, mix, paint, steel, white } from "./colour.ts";
import type { Lamps } from "./lamps.ts";
import type { Random } from "./random.ts";
import { at, rounded, type Stage } from "./space.ts";
import { wheelRow } from "./wheels.ts";

export function pickupTruck(stage: Stage, random: Random, lamps: Lamps): void {
  const colour = paint(random);
  const long = random.between(0, 0.5);
  const [back, nose] = [-2.7 - long * 0.4, 2.6];
  const low = random.between(0.42, 0.62);
  const belt = low + random.between(0.58, 0.68);
  const roof = belt + random.between(0.6, 0.7);
  const cabBack = random.chance(0.45) ? -1.0 : -0.45;
  const radius = random.between(0.38, 0.46);
  const half = 0.92;
  const wheels = random.fork("wheels");
  const axles = [back + 1.15, 1.7];
  stage.shadow([back, nose], [-half, half]);
  wheelRow(stage, axles, { radius, z: -half + 0.1, random: wheels });
  // The bed is two walls and a floor: that hollow is what makes a pick-up.
  const bedTop = belt + 0.06;
  stage.block([back + 0.02, cabBack], [low, low + 0.3], [-half, half], mix(colour, black, 0.5));
  stage.block([back + 0.05, cabBack], [low + 0.3, bedTop], [-half, -half + 0.08], colour);
  stage.block([cabBack - 0.06, cabBack], [low + 0.3, bedTop], [-half, half], mix(colour, black, 0.35));
  if (random.chance(0.45)) load(stage, random, [back + 0.25, cabBack - 0.2], low + 0.3, bedTop);
  cabin(stage, {
    x: [cabBack, 1.25],
    y: [belt, roof],
    half: half - 0.12,
    rake: [0.1, random.between(0.5, 0.72)],
    colour,
    lamps,
    pillars: cabBack < -0.6 ? [0.28] : [],
  });
  const body = rounded(
    [
      [cabBack - 0.02, low],
      [nose - 0.05, low],
      [nose, low + 0.2],
      [nose - 0.06, belt - 0.08],
      [1.15, belt + 0.04],
      [cabBack - 0.02, belt + 0.03],
    ],
    0.1,
  );
  stage.prism(body, { z0: -half, z1: half }, colour);
  stage.block([back, cabBack], [low, bedTop], [half - 0.07, half], colour);
  stage.block([back - 0.02, back + 0.06], [low, bedTop], [-half, half], colour);
  front(stage, nose + 0.01, [low, belt - 0.08], half, lamps);
  stage.face(rect3(back - 0.03, [belt - 0.22, belt - 0.02], [half - 0.22, half - 0.06]), [-1, 0, 0], tailLamp);
  wheelArches(stage, axles, radius, half);
  seam(
    stage,
    [
      [cabBack + 0.06, low + 0.1],
      [cabBack + 0.06, belt],
    ],
    half,
  );
  seam(
    stage,
    [
      [0.62, low + 0.12],
      [0.75, belt],
    ],
    half,
  );
  if (cabBack < -0.6)
    seam(
      stage,
      [
        [-0.12, low + 0.1],
        [-0.12, belt],
      ],
      half,
    );
  handle(stage, 0.0, belt - 0.12, half);
  if (random.chance(0.35))
    stage.sheet(
      at(
        [
          [back + 0.1, low + 0.3],
          [nose - 0.1, low + 0.3],
          [nose - 0.1, low + 0.38],
          [back + 0.1, low + 0.38],
        ],
        half + 0.005,
      ),
      mix(colour, white, 0.7),
    );
  stage.block([back + 0.2, nose - 0.3], [low - 0.05, low + 0.02], [half - 0.1, half + 0.02], black);
  if (random.chance(0.2))
    for (const x of [cabBack + 0.1, cabBack - 0.05])
      stage.tube(
        [
          [x - 0.08, bedTop, half - 0.1],
          [x, roof + 0.02, half - 0.2],
          [x, roof + 0.02, -half + 0.2],
        ],
        0.06,
        steel,
      );
  wheelRow(stage, axles, { radius, z: half - 0.06, random: wheels });
}

function load(stage: Stage, random: Random, [x0, x1]: [number, number], floor: number, wall: number): void {
  const count = random.integer(1, 3);
  for (let i = 0; i < count; i++) {
    const a = x0 + ((x1 - x0) * i) / count;
    stage.block(
      [a, a + ((x1 - x0) / count) * 0.8],
      [floor, wall + random.between(0.1, 0.45)],
      [-0.6, 0.6],
      random.chance(0.6) ? [168, 124, 78] : paint(random),
    );
  }
}
