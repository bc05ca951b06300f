import { half } from "./carriages.ts";
import { black, type Colour, glass, lit, mix, steel, white } from "./colour.ts";
import type { Random } from "./random.ts";
import { at, type Point, rounded, type Stage } from "./space.ts";

export function steamEngine(stage: Stage, front: number, colour: Colour, random: Random): void {
  const body = random.chance(0.5) ? mix(colour, black, 0.72) : mix(colour, black, 0.25);
  const axle = 2.15;
  const red: Colour = random.chance(0.6) ? [178, 32, 30] : mix(steel, black, 0.4);
  for (const z of [-half + 0.3])
    for (let i = 0; i < 3; i++) stage.circle([front - 2.6 - i * axle, 0.85, z], 0.85, { fill: lit(red, 0.4) });
  stage.block([front - 7.8, front - 0.2], [0.95, 1.35], [-half + 0.2, half - 0.2], mix(red, black, 0.3));
  stage.prism(
    rounded(
      [
        [front - 7.9, 1.3],
        [front - 5.4, 1.3],
        [front - 5.4, 3.9],
        [front - 7.9, 3.9],
      ],
      0.2,
    ),
    { z0: -half, z1: half },
    body,
  );
  const boiler = mix(body, steel, 0.08);
  stage.prism(
    rounded(
      [
        [front - 5.5, 1.5],
        [front - 0.7, 1.5],
        [front - 0.7, 3.1],
        [front - 5.5, 3.2],
      ],
      0.1,
    ),
    { z0: -0.8, z1: 0.8 },
    boiler,
    { side: { from: lit(boiler, 1.5), to: lit(boiler, 0.4) } },
  );
  const door: Point[] = Array.from({ length: 20 }, (_, i) => [
    front - 0.68,
    2.3 + 0.82 * Math.sin((i * Math.PI) / 10),
    0.82 * Math.cos((i * Math.PI) / 10),
  ]);
  stage.face(door, [1, 0, 0], { from: lit(boiler, 1.35), to: lit(boiler, 0.6) });
  for (const x of [front - 4.2, front - 2.4])
    stage.sheet(
      at(
        [
          [x, 1.5],
          [x + 0.12, 1.5],
          [x + 0.12, 3.12],
          [x, 3.12],
        ],
        0.81,
      ),
      [206, 168, 74],
    );
  stage.tube(
    [
      [front - 1.3, 3.0, 0],
      [front - 1.3, 3.85, 0],
    ],
    0.55,
    black,
    { isMatt: true },
  );
  stage.tube(
    [
      [front - 1.3, 3.85, -0.1],
      [front - 1.3, 3.95, 0.1],
    ],
    0.75,
    black,
    { isMatt: true },
  );
  stage.ball([front - 3.2, 3.2, 0], 0.42, [196, 154, 60]);
  stage.sheet(
    at(
      [
        [front - 7.3, 2.6],
        [front - 6.0, 2.6],
        [front - 6.0, 3.5],
        [front - 7.3, 3.5],
      ],
      half + 0.01,
    ),
    { from: lit(glass, 1.3), to: lit(glass, 0.7) },
  );
  stage.prism(
    [
      [front - 0.6, 0.35],
      [front + 0.2, 0.35],
      [front - 0.4, 1.1],
    ],
    { z0: -half + 0.2, z1: half - 0.2 },
    red,
  );
  stage.ball([front - 0.6, 3.3, 0], 0.22, [255, 246, 206]);
  for (let i = 0; i < 3; i++) {
    const hub: Point = [front - 2.6 - i * axle, 0.9, half - 0.2];
    stage.circle(hub, 0.88, { fill: lit(black, 1.05), stroke: lit(steel, 0.8), strokeWidth: 0.08 });
    for (let spoke = 0; spoke < 5; spoke++) {
      const angle = (spoke * Math.PI) / 5 + i;
      const [dx, dy] = [0.78 * Math.cos(angle), 0.78 * Math.sin(angle)];
      stage.tube(
        [
          [hub[0] - dx, hub[1] - dy, hub[2]],
          [hub[0] + dx, hub[1] + dy, hub[2]],
        ],
        0.09,
        red,
      );
    }
    stage.circle(hub, 0.2, { fill: lit(red, 1.1) });
  }
  stage.tube(
    [
      [front - 2.6, 0.7, half - 0.1],
      [front - 2.6 - 2 * axle, 0.7, half - 0.1],
    ],
    0.16,
    steel,
  );
  stage.tube(
    [
      [front - 0.9, 1.1, half - 0.1],
      [front - 2.6, 0.7, half - 0.1],
    ],
    0.12,
    steel,
  );
  const [puffs, drift] = [random.integer(4, 8), random.between(0.5, 1.2)];
  for (let i = 0; i < puffs; i++) {
    const grow = 0.45 + i * 0.2;
    stage.sheet(puff([front - 1.4 - i * drift, 4.3 + i * 0.36, 0], grow), mix(white, [150, 152, 160], i / puffs), {
      opacity: 0.85 - i * 0.07,
      isSurrounding: true,
    });
  }
}

function puff([x, y, z]: Point, radius: number): Point[] {
  return Array.from({ length: 18 }, (_, i): Point => {
    const angle = (i * Math.PI) / 9;
    const r = radius * (1 + 0.12 * Math.sin(angle * 5));
    return [x + r * Math.cos(angle), y + r * 0.8 * Math.sin(angle), z];
  });
}
