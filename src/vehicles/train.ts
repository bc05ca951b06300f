import { rect3 } from "./body-parts.ts";
import { bogies, carriage, freight, half, windows } from "./carriages.ts";
import { black, type Colour, glass, lit, mix, paint, steel, white } from "./colour.ts";
import type { Lamps } from "./lamps.ts";
import type { Random } from "./random.ts";
import { at, type Flat, rounded, type Stage } from "./space.ts";
import { steamEngine } from "./steam-engine.ts";

/** A train: an engine and what it pulls, on its rails. Long: the frame often cuts it. */
export function train(stage: Stage, random: Random, lamps: Lamps): void {
  const style = random.pick(["modern", "modern", "diesel", "steam", "tram"] as const);
  const colour = paint(random);
  const second = random.chance(0.4) ? white : paint(random);
  const wagons = random.integer(1, 3);
  const front = 7;
  rails(stage, front + 6, front - 9 - wagons * 10);
  stage.shadow([front - 8 - wagons * 10, front], [-half, half]);
  for (let wagon = wagons; wagon >= 1; wagon--) {
    const x1 = front - 8.4 - (wagon - 1) * 9.6;
    const isFreight = style === "diesel" && random.chance(0.7);
    if (isFreight) freight(stage, random, [x1 - 9, x1]);
    else carriage(stage, [x1 - 9.2, x1], { colour, second, lamps, random });
  }
  if (lamps.areOn) for (const z of [-0.9, 0.9]) stage.glow([front, 1.3, z], 1.6, [255, 240, 200]);
  if (style === "steam") steamEngine(stage, front, colour, random);
  else engine(stage, { front, style, colour, second, lamps, random });
}

function engine(
  stage: Stage,
  look: {
    front: number;
    style: "modern" | "diesel" | "tram";
    colour: Colour;
    second: Colour;
    lamps: Lamps;
    random: Random;
  },
): void {
  const { front, style, colour, second, lamps, random } = look;
  const back = front - 8;
  bogies(stage, [back, front - (style === "modern" ? 1.2 : 0)]);
  const pane = lamps.areOn ? mix(glass, [250, 214, 130], 0.4) : mix(glass, black, 0.3);
  const shine = { from: lit(pane, 1.5), to: lit(pane, 0.8) };
  const z = half + 0.01;
  if (style === "modern") {
    const nose: Flat[] = [
      [back, 0.55],
      [front - 0.2, 0.5],
      [front, 0.9],
      [front - 0.5, 1.7],
      [front - 1.7, 2.9],
      [front - 2.8, 3.5],
      [back, 3.55],
    ];
    stage.prism(rounded(nose, 0.4, 5), { z0: -half, z1: half }, colour);
    stage.face(
      [
        [front - 0.62, 1.85, half - 0.2],
        [front - 0.62, 1.85, -half + 0.2],
        [front - 1.6, 2.83, -half + 0.3],
        [front - 1.6, 2.83, half - 0.3],
      ],
      [1, 1, 0],
      shine,
    );
    stage.sheet(
      at(
        [
          [back, 0.7],
          [front - 0.1, 0.75],
          [front - 0.15, 1.25],
          [back, 1.35],
        ],
        z,
      ),
      { from: second, to: lit(second, 0.75) },
    );
    stage.sheet(
      at(
        rounded(
          [
            [front - 2.6, 2.0],
            [front - 1.3, 2.0],
            [front - 1.9, 2.65],
            [front - 2.6, 2.85],
          ],
          0.1,
        ),
        z,
      ),
      shine,
    );
    windows(stage, [back + 0.5, front - 3.2], [1.85, 2.8], { lamps, random });
    for (const side of [-0.9, 0.9])
      stage.face(
        [
          [front + 0.02, 0.95, side - 0.25],
          [front + 0.02, 0.95, side + 0.25],
          [front - 0.12, 1.2, side + 0.25],
          [front - 0.12, 1.2, side - 0.25],
        ],
        [1, 0.4, 0],
        lamps.areOn ? white : [250, 244, 214],
      );
  } else {
    const roof = style === "tram" ? 3.3 : 3.7;
    stage.prism(
      rounded(
        [
          [back, 0.6],
          [front, 0.6],
          [front, 1.7],
          [front - 0.35, roof],
          [back, roof],
        ],
        0.2,
        4,
      ),
      { z0: -half, z1: half },
      colour,
    );
    stage.face(rect3(front - 0.02, [0.75, 1.35], [-half + 0.05, half - 0.05]), [1, 0, 0], second);
    for (const [a, b] of [
      [-half + 0.15, -0.08],
      [0.08, half - 0.15],
    ] as const) {
      stage.face(
        [
          [front - 0.02, 1.9, a],
          [front - 0.02, 1.9, b],
          [front - 0.26, 3.0, b],
          [front - 0.26, 3.0, a],
        ],
        [1, 0.2, 0],
        shine,
      );
    }
    for (const side of [-0.95, 0.95])
      stage.face(
        rect3(front + 0.01, [1.42, 1.66], [side - 0.18, side + 0.18]),
        [1, 0, 0],
        lamps.areOn ? white : [250, 244, 214],
      );
    stage.face(rect3(front - 0.3, [3.05, 3.3], [-0.5, 0.5]), [1, 0.2, 0], [255, 180, 50]);
    stage.sheet(
      at(
        [
          [back, 0.75],
          [front - 0.04, 0.75],
          [front - 0.04, 1.35],
          [back, 1.35],
        ],
        z,
      ),
      { from: second, to: lit(second, 0.75) },
    );
    if (style === "tram") windows(stage, [back + 0.4, front - 0.6], [1.75, 2.8], { lamps, random });
    else {
      stage.sheet(
        at(
          [
            [front - 1.7, 2.0],
            [front - 0.6, 2.0],
            [front - 0.75, 2.9],
            [front - 1.7, 2.9],
          ],
          z,
        ),
        shine,
      );
      for (let grille = 0; grille < 4; grille++) {
        const x = back + 0.6 + grille * 1.35;
        stage.sheet(
          at(
            [
              [x, 1.8],
              [x + 1.0, 1.8],
              [x + 1.0, 2.9],
              [x, 2.9],
            ],
            z,
          ),
          mix(colour, black, 0.55),
        );
        for (let slat = 0; slat < 4; slat++)
          stage.sheet(
            at(
              [
                [x + 0.08, 1.95 + slat * 0.24],
                [x + 0.92, 1.95 + slat * 0.24],
              ],
              z,
            ),
            steel,
            { stroke: mix(colour, black, 0.2), strokeWidth: 0.05 },
          );
      }
    }
    stage.block([front - 0.1, front + 0.25], [0.45, 0.75], [-half + 0.1, half - 0.1], [60, 60, 66]);
  }
  if (style !== "diesel" && random.chance(0.6)) {
    stage.tube(
      [
        [front - 5.4, 3.5, 0],
        [front - 4.4, 4.2, 0],
        [front - 5.2, 4.8, 0],
      ],
      0.08,
      mix(steel, black, 0.5),
    );
    stage.tube(
      [
        [front - 5.2, 4.8, -0.7],
        [front - 5.2, 4.8, 0.7],
      ],
      0.08,
      mix(steel, black, 0.5),
    );
  }
}

function rails(stage: Stage, from: number, to: number): void {
  stage.sheet(
    [
      [from, -0.02, 2.3],
      [to, -0.02, 2.3],
      [to, -0.02, -2.2],
      [from, -0.02, -2.2],
    ],
    [122, 112, 104],
    { opacity: 0.9, isSurrounding: true },
  );
  for (let x = to; x < from; x += 0.9)
    stage.sheet(
      [
        [x, 0, 1.7],
        [x + 0.34, 0, 1.7],
        [x + 0.34, 0, -1.7],
        [x, 0, -1.7],
      ],
      [84, 66, 52],
      { isSurrounding: true },
    );
  for (const z of [-0.95, 0.95])
    stage.sheet(
      [
        [from, 0.05, z],
        [to, 0.05, z],
      ],
      steel,
      { stroke: lit(steel, 0.85), strokeWidth: 0.1, isSurrounding: true },
    );
}
