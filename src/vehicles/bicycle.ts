import { black, lit, mix, paint, steel } from "./colour.ts";
import type { Lamps } from "./lamps.ts";
import type { Random } from "./random.ts";
import { type RiderPose, rider } from "./rider.ts";
import { arc, type Point, rounded, type Stage } from "./space.ts";
import { headlamp, spokedWheel } from "./wheels.ts";

// Bicycle and motorcycle share pose, wheels, riders and colours on purpose: only what lies between the wheels tells them apart.

export function bicycle(stage: Stage, random: Random, lamps: Lamps): void {
  const style = random.pick(["diamond", "diamond", "racing", "city", "city", "small", "cargo"] as const);
  const colour = paint(random);
  const radius = style === "small" ? 0.26 : random.between(0.31, 0.36);
  const base = random.between(0.48, 0.56) + (style === "cargo" ? 0.22 : 0);
  const rear: Point = [-0.52, radius, 0];
  const front: Point = [base, radius, 0];
  const bracket: Point = [-0.08, radius * 0.86, 0];
  const seat: Point = [-0.24, random.between(0.74, 0.82), 0];
  const neck: Point = [base - 0.14, random.between(0.8, 0.9), 0];
  const neckLow: Point = [base - 0.1, neck[1] - 0.15, 0];
  const saddle: Point = [-0.28, seat[1] + random.between(0.08, 0.18), 0];
  const bar: Point = [
    base - (style === "racing" ? 0.08 : 0.17),
    neck[1] + (style === "racing" ? 0.06 : random.between(0.1, 0.22)),
    0,
  ];
  const isRidden = random.chance(0.48);
  const tube = random.between(0.034, 0.05);
  const crank = random.between(0, Math.PI * 2);
  const feet = [0, Math.PI].map(
    (half): Point => [bracket[0] + 0.17 * Math.cos(crank + half), bracket[1] + 0.17 * Math.sin(crank + half), 0],
  );
  const pose: RiderPose = {
    hip: [saddle[0] + 0.02, saddle[1] + 0.07, 0],
    lean: style === "racing" ? random.between(0.75, 0.95) : random.between(0.15, 0.55),
    hand: [bar[0], bar[1] + 0.02, 0.22],
    feet: [feet[0] as Point, feet[1] as Point],
    hipWidth: 0.09,
    isHelmeted: random.chance(0.5),
  };
  const paintRider = isRidden ? rider(stage, random.fork("rider"), pose) : undefined;

  stage.shadow([rear[0] - radius * 0.9, front[0] + radius * 0.9], [-0.12, 0.12]);
  paintRider?.far();
  pedal(stage, bracket, [(feet[1] as Point)[0], (feet[1] as Point)[1], -0.1]);
  spokedWheel(stage, rear, radius, random.fork("wheels"));
  spokedWheel(stage, front, radius, random.fork("wheels"));
  if (style === "city" || random.chance(0.25)) {
    for (const hub of [rear, front])
      stage.tube(arc(hub, radius + 0.035, hub === rear ? [20, 200] : [-10, 150]), 0.03, colour);
  }
  for (const side of [-0.045, 0.045]) {
    stage.tube(
      [
        [bracket[0], bracket[1], side * 0.6],
        [rear[0], rear[1], side],
      ],
      tube * 0.55,
      colour,
    );
    stage.tube(
      [
        [seat[0], seat[1], side * 0.4],
        [rear[0], rear[1], side],
      ],
      tube * 0.5,
      colour,
    );
    stage.tube(
      [
        [neckLow[0], neckLow[1], side * 0.6],
        [front[0] - 0.05, front[1] + 0.2, side],
        [front[0], front[1], side],
      ],
      tube * 0.6,
      style === "racing" ? black : colour,
    );
  }
  stage.tube([bracket, seat], tube, colour);
  stage.tube([bracket, neckLow], tube * 1.15, colour);
  if (style === "city")
    stage.tube([[bracket[0] - 0.06, bracket[1] + 0.14, 0], [neck[0] - 0.1, neck[1] - 0.28, 0], neck], tube, colour);
  else stage.tube([[seat[0], seat[1] - 0.03, 0], neck], tube, colour);
  stage.tube([neckLow, neck], tube * 1.2, colour);
  stage.tube([seat, saddle], 0.028, steel);
  if (random.chance(0.3)) {
    stage.tube(
      [
        [rear[0] - 0.18, radius * 2 + 0.1, 0],
        [seat[0] - 0.02, radius * 2 + 0.1, 0],
      ],
      0.03,
      black,
    );
    stage.tube([[rear[0] - 0.1, radius * 2 + 0.1, 0], rear], 0.016, black);
    if (random.chance(0.5))
      stage.block(
        [rear[0] - 0.2, rear[0] + 0.12],
        [radius * 2 + 0.12, radius * 2 + 0.34],
        [-0.14, 0.14],
        paint(random),
      );
  }
  if (style === "cargo" || (style === "city" && random.chance(0.5))) {
    const basket = style === "cargo" ? mix([150, 100, 60], paint(random), 0.4) : ([120, 84, 52] as const);
    const deep = style === "cargo" ? 0.2 : 0.13;
    stage.block(
      [base + 0.0, base + (style === "cargo" ? 0.42 : 0.26)],
      [neck[1] - 0.12, neck[1] + 0.14],
      [-deep, deep],
      basket,
    );
  }
  stage.tube([neck, [bar[0] - 0.01, bar[1], 0]], 0.03, steel);
  if (style === "racing") {
    for (const z of [-0.19, 0.19])
      stage.tube(
        [
          [bar[0], bar[1], 0],
          [bar[0], bar[1], z],
          [bar[0] + 0.09, bar[1] - 0.02, z],
          [bar[0] + 0.08, bar[1] - 0.12, z],
          [bar[0], bar[1] - 0.13, z],
        ],
        0.032,
        black,
      );
  } else {
    stage.tube(
      [
        [bar[0] - 0.08, bar[1] + 0.01, -0.28],
        [bar[0], bar[1], -0.1],
        [bar[0], bar[1], 0.1],
        [bar[0] - 0.08, bar[1] + 0.01, 0.28],
      ],
      0.03,
      steel,
    );
    for (const z of [-0.26, 0.26])
      stage.tube(
        [
          [bar[0] - 0.1, bar[1] + 0.012, z * 1.05],
          [bar[0] - 0.03, bar[1], z * 0.8],
        ],
        0.042,
        black,
      );
  }
  stage.prism(
    rounded(
      [
        [saddle[0] - 0.13, saddle[1]],
        [saddle[0] + 0.15, saddle[1] + 0.015],
        [saddle[0] + 0.13, saddle[1] + 0.05],
        [saddle[0] - 0.12, saddle[1] + 0.07],
      ],
      0.03,
    ),
    { z0: -0.06, z1: 0.06 },
    random.chance(0.3) ? [116, 72, 42] : black,
  );
  stage.circle([bracket[0], bracket[1], 0.05], 0.095, { stroke: lit(steel, 0.8), strokeWidth: 0.025 });
  stage.tube(
    [
      [bracket[0], bracket[1] + 0.08, 0.05],
      [rear[0], rear[1] + 0.035, 0.05],
    ],
    0.012,
    [70, 70, 74],
  );
  stage.tube(
    [
      [bracket[0], bracket[1] - 0.08, 0.05],
      [rear[0], rear[1] - 0.035, 0.05],
    ],
    0.012,
    [70, 70, 74],
  );
  pedal(stage, bracket, [(feet[0] as Point)[0], (feet[0] as Point)[1], 0.11]);
  if (lamps.areOn) headlamp(stage, [neck[0] + 0.08, neck[1], 0.03], 0.24);
  paintRider?.near();
}

function pedal(stage: Stage, bracket: Point, foot: Point): void {
  stage.tube(
    [
      [bracket[0], bracket[1], foot[2] * 0.6],
      [foot[0], foot[1], foot[2] * 0.8],
    ],
    0.028,
    steel,
  );
  stage.tube(
    [
      [foot[0] - 0.05, foot[1], foot[2]],
      [foot[0] + 0.05, foot[1], foot[2]],
    ],
    0.035,
    black,
  );
}
