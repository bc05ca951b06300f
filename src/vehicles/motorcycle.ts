import { black, type Colour, lit, mix, paint, steel, white } from "./colour.ts";
import type { Lamps } from "./lamps.ts";
import type { Random } from "./random.ts";
import { type RiderPose, rider } from "./rider.ts";
import { scooter } from "./scooter.ts";
import { arc, type Point, rounded, type Stage } from "./space.ts";
import { castWheel, headlamp } from "./wheels.ts";

export function motorcycle(stage: Stage, random: Random, lamps: Lamps): void {
  const style = random.pick(["naked", "naked", "sport", "chopper", "scooter", "enduro"] as const);
  if (style === "scooter") scooter(stage, random, lamps);
  else roadMotorcycle(stage, random, style, lamps);
}

function roadMotorcycle(
  stage: Stage,
  random: Random,
  style: "naked" | "sport" | "chopper" | "enduro",
  lamps: Lamps,
): void {
  const colour = paint(random);
  const radius = style === "enduro" ? 0.34 : random.between(0.29, 0.33);
  const base = style === "chopper" ? random.between(0.92, 1.06) : random.between(0.68, 0.76);
  const rear: Point = [-0.68, radius, 0];
  const front: Point = [base, radius, 0];
  const head: Point = [style === "chopper" ? 0.46 : 0.44, style === "enduro" ? 1.0 : random.between(0.88, 0.95), 0];
  const seatY = style === "chopper" ? 0.66 : style === "enduro" ? 0.9 : random.between(0.74, 0.8);
  const barY =
    head[1] + (style === "chopper" ? random.between(0.18, 0.4) : style === "sport" ? 0.02 : random.between(0.1, 0.18));
  const bar: Point = [head[0] - (style === "chopper" ? 0.22 : 0.1), barY, 0];
  const metal = random.chance(0.5) ? steel : mix(steel, black, 0.65);
  const pose: RiderPose = {
    hip: [-0.2, seatY + 0.14, 0],
    lean:
      style === "sport"
        ? random.between(0.7, 0.9)
        : style === "chopper"
          ? random.between(-0.1, 0.1)
          : random.between(0.2, 0.5),
    hand: [bar[0], bar[1] + 0.02, 0.28],
    feet: [
      [style === "chopper" ? 0.4 : -0.02, 0.3, 0.2],
      [style === "chopper" ? 0.4 : -0.02, 0.3, -0.2],
    ],
    hipWidth: 0.14,
    isHelmeted: random.chance(0.88),
  };
  const paintRider = random.chance(0.48) ? rider(stage, random.fork("rider"), pose) : undefined;

  stage.shadow([rear[0] - radius, front[0] + radius], [-0.2, 0.2]);
  paintRider?.far();
  const wheels = random.fork("wheels");
  const tyre = style === "enduro" ? 0.1 : 0.15;
  castWheel(stage, rear, { radius, width: tyre * 1.15, metal, random: wheels });
  for (const z of [-0.1]) fork(stage, head, front, z, metal);
  castWheel(stage, front, { radius, width: tyre * 0.85, metal, random: wheels });
  stage.tube(
    [
      [-0.1, 0.36, 0.02],
      [rear[0], rear[1], 0.1],
    ],
    0.07,
    mix(metal, black, 0.3),
  );
  // Engine, frame and exhaust fill the space that a bicycle leaves open.
  stage.tube(
    [
      [head[0] - 0.04, head[1] - 0.08, 0],
      [0.3, 0.34, 0],
      [-0.2, 0.3, 0],
    ],
    0.06,
    style === "naked" && random.chance(0.4) ? colour : black,
  );
  stage.prism(
    rounded(
      [
        [-0.26, 0.24],
        [0.3, 0.26],
        [0.34, 0.42],
        [0.2, 0.66],
        [-0.16, 0.62],
        [-0.3, 0.42],
      ],
      0.06,
    ),
    { z0: -0.16, z1: 0.16 },
    mix(metal, black, 0.35),
  );
  for (let fin = 0; fin < 5; fin++) {
    const y = 0.45 + fin * 0.042;
    stage.tube(
      [
        [-0.06 + fin * 0.01, y, 0.165],
        [0.25 - fin * 0.012, y + 0.02, 0.165],
      ],
      0.016,
      lit(metal, 1.05),
    );
  }
  stage.circle([-0.1, 0.36, 0.165], 0.1, { fill: { from: lit(metal, 1.2), to: lit(metal, 0.6) } });
  const pipe: Point[] =
    style === "enduro"
      ? [
          [0.28, 0.56, 0.16],
          [0.3, 0.4, 0.18],
          [-0.1, 0.6, 0.18],
          [-0.75, 0.74, 0.16],
        ]
      : [
          [0.26, 0.56, 0.16],
          [0.36, 0.36, 0.18],
          [0.24, 0.2, 0.19],
          [-0.3, 0.2, 0.19],
          [-0.95, random.between(0.22, 0.46), 0.2],
        ];
  stage.tube(pipe, 0.05, steel);
  stage.tube([pipe[pipe.length - 2] as Point, pipe[pipe.length - 1] as Point], 0.1, random.chance(0.5) ? steel : black);
  // Tail, seat, tank.
  const tail = style === "sport" ? 0.18 : 0.04;
  stage.prism(
    rounded(
      [
        [-0.9, seatY + tail],
        [-0.3, seatY - 0.12],
        [-0.05, seatY - 0.08],
        [-0.02, seatY + 0.02],
        [-0.5, seatY + 0.05],
        [-0.9, seatY + tail + 0.06],
      ],
      0.04,
    ),
    { z0: -0.1, z1: 0.1 },
    style === "chopper" ? black : colour,
  );
  stage.prism(
    rounded(
      [
        [-0.72, seatY + 0.02 + tail * 0.5],
        [-0.3, seatY - 0.02],
        [0.06, seatY],
        [0.04, seatY + 0.06],
        [-0.3, seatY + 0.06],
        [-0.7, seatY + 0.12 + tail * 0.5],
      ],
      0.03,
    ),
    { z0: -0.13, z1: 0.13 },
    random.chance(0.2) ? [104, 64, 40] : black,
  );
  stage.prism(
    rounded(
      [
        [0.0, seatY - 0.04],
        [0.36, seatY - 0.05],
        [head[0] - 0.02, head[1] - 0.08],
        [0.32, head[1] + 0.05],
        [0.12, seatY + 0.2],
        [0.0, seatY + 0.08],
      ],
      0.08,
      6,
    ),
    { z0: -0.14, z1: 0.14 },
    colour,
  );
  if (random.chance(0.45))
    stage.sheet(
      [
        [0.06, seatY + 0.05, 0.145],
        [0.36, seatY + 0.04, 0.145],
        [0.38, seatY + 0.09, 0.145],
        [0.08, seatY + 0.11, 0.145],
      ],
      white,
      { opacity: 0.85 },
    );
  if (style === "sport") {
    stage.prism(
      rounded(
        [
          [0.16, 0.32],
          [0.5, 0.4],
          [0.74, 0.74],
          [0.66, 0.94],
          [0.44, 1.0],
          [0.36, 0.72],
        ],
        0.08,
      ),
      { z0: -0.17, z1: 0.17 },
      colour,
    );
    stage.prism(
      rounded(
        [
          [0.44, 0.96],
          [0.66, 0.92],
          [0.46, 1.16],
          [0.38, 1.14],
        ],
        0.04,
      ),
      { z0: -0.12, z1: 0.12 },
      [70, 92, 112],
    );
    stage.face(
      [
        [0.73, 0.72, -0.09],
        [0.73, 0.72, 0.09],
        [0.69, 0.86, 0.09],
        [0.69, 0.86, -0.09],
      ],
      [1, 0.3, 0],
      [250, 244, 210],
    );
    stage.sheet(
      [
        [0.3, 0.42, 0.175],
        [0.52, 0.5, 0.175],
        [0.62, 0.7, 0.175],
        [0.44, 0.6, 0.175],
      ],
      mix(colour, white, 0.7),
    );
  }
  fork(stage, head, front, 0.1, metal);
  const guard = style === "enduro" ? 0.2 : 0.045;
  stage.tube(arc([front[0], front[1], 0.02], radius + guard, style === "enduro" ? [55, 115] : [40, 140]), 0.07, colour);
  stage.tube(arc([rear[0], rear[1], 0.02], radius + 0.06, [70, 165]), 0.08, style === "chopper" ? colour : black);
  stage.tube([head, bar, [bar[0] - 0.02, bar[1], 0.06]], 0.04, metal);
  stage.tube([[bar[0] - 0.1, bar[1], -0.36], bar, [bar[0] - 0.1, bar[1], 0.36]], 0.035, metal);
  for (const z of [-0.34, 0.34])
    stage.tube(
      [
        [bar[0] - 0.13, bar[1], z * 1.08],
        [bar[0] - 0.05, bar[1], z * 0.75],
      ],
      0.05,
      black,
    );
  if (style !== "sport") {
    stage.ball([head[0] + 0.12, head[1] - 0.02, 0], 0.1, mix(metal, black, 0.2));
    stage.ball([head[0] + 0.17, head[1] - 0.02, 0], 0.075, [252, 246, 214]);
  }
  if (random.chance(0.5))
    for (const z of [-0.3, 0.3]) {
      stage.tube(
        [
          [bar[0], bar[1], z * 0.8],
          [bar[0] + 0.02, bar[1] + 0.14, z],
        ],
        0.015,
        black,
      );
      stage.ball([bar[0] + 0.02, bar[1] + 0.16, z], 0.05, black);
    }
  if (lamps.areOn) headlamp(stage, [head[0] + 0.2, head[1] - 0.04, 0.03], 0.34);
  stage.ball([-0.92, seatY + tail, 0], 0.045, [206, 34, 30]);
  if (style === "chopper" && random.chance(0.4)) stage.block([-0.95, -0.5], [0.46, 0.68], [0.12, 0.26], [70, 48, 34]);
  paintRider?.near();
}

function fork(stage: Stage, head: Point, hub: Point, z: number, metal: Colour): void {
  stage.tube(
    [
      [head[0], head[1], z],
      [hub[0], hub[1], z],
    ],
    0.055,
    metal,
  );
}
