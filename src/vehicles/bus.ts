import { front, rect3, wheelArches, windowRow } from "./body-parts.ts";
import { black, glass, lit, mix, paint, white } from "./colour.ts";
import type { Lamps } from "./lamps.ts";
import type { Random } from "./random.ts";
import { at, rounded, type Stage } from "./space.ts";
import { wheelRow } from "./wheels.ts";

export function bus(stage: Stage, random: Random, lamps: Lamps): void {
  const style = random.pick(["city", "city", "coach", "school", "double"] as const);
  const colour =
    style === "school"
      ? ([248, 184, 34] as const)
      : style === "double" && random.chance(0.6)
        ? ([200, 28, 32] as const)
        : paint(random);
  const second = random.chance(0.4)
    ? white
    : mix(colour, random.chance(0.5) ? black : white, random.between(0.35, 0.7));
  const length = style === "school" ? 8.6 : style === "double" ? 9.4 : random.between(9.6, 12);
  const [back, nose] = [-length / 2, length / 2];
  const low = 0.36;
  const roof = style === "double" ? 4.3 : style === "coach" ? 3.45 : 3.05;
  const half = 1.25;
  const radius = 0.5;
  const wheels = random.fork("wheels");
  const axles =
    style === "coach" ? [back + 2.2, back + 3.4, nose - 2.6] : [back + 2.4, nose - (style === "school" ? 1.0 : 2.4)];
  const bodyNose = style === "school" ? nose - 1.5 : nose;
  stage.shadow([back, nose], [-half, half]);
  wheelRow(stage, axles, { radius, z: -half + 0.15, random: wheels });
  const slope = style === "coach" ? 0.35 : random.between(0.05, 0.2);
  stage.prism(
    rounded(
      [
        [back, low],
        [bodyNose, low],
        [bodyNose - slope * 0.3, roof * 0.5],
        [bodyNose - slope, roof],
        [back + 0.08, roof],
      ],
      0.28,
      4,
    ),
    { z0: -half, z1: half },
    colour,
  );
  if (style === "school") {
    stage.prism(
      rounded(
        [
          [bodyNose - 0.1, low],
          [nose, low],
          [nose, low + 0.75],
          [nose - 0.2, low + 0.95],
          [bodyNose - 0.1, low + 1.1],
        ],
        0.15,
      ),
      { z0: -half + 0.15, z1: half - 0.1 },
      colour,
    );
    front(stage, nose + 0.01, [low, low + 0.8], half - 0.2, lamps);
  } else front(stage, nose + 0.01, [low, low + 0.65], half, lamps);
  // Windscreen and destination sign on the front.
  const screen: [number, number] =
    style === "school" ? [low + 1.2, roof - 0.35] : [low + 0.85, Math.min(roof, 3.2) - 0.5];
  const pane = lamps.areOn ? mix(glass, [250, 214, 130], 0.35) : glass;
  stage.face(rect3(bodyNose - slope * 0.2 + 0.02, screen, [-half + 0.12, half - 0.12]), [1, 0.1, 0], {
    from: lit(pane, 1.25),
    to: lit(pane, 0.8),
  });
  if (style === "double")
    stage.face(rect3(bodyNose - slope * 0.7 + 0.02, [3.15, 4.0], [-half + 0.12, half - 0.12]), [1, 0.1, 0], {
      from: lit(pane, 1.25),
      to: lit(pane, 0.8),
    });
  stage.face(
    rect3(bodyNose - slope * 0.6 + 0.03, [screen[1] + 0.08, screen[1] + 0.34], [-half + 0.35, half - 0.35]),
    [1, 0.1, 0],
    [30, 26, 20],
  );
  stage.face(
    rect3(bodyNose - slope * 0.6 + 0.04, [screen[1] + 0.14, screen[1] + 0.28], [-half + 0.55, half - 0.55]),
    [1, 0.1, 0],
    [255, 176, 40],
  );
  // The near side: skirt, windows, doors.
  const z = half + 0.01;
  const skirt = random.chance(0.6) ? random.between(0.5, 0.9) : 0.25;
  stage.sheet(
    at(
      [
        [back + 0.08, low + 0.05],
        [bodyNose - 0.06, low + 0.05],
        [bodyNose - 0.06, low + skirt],
        [back + 0.06, low + skirt * random.between(0.8, 1.4)],
      ],
      z,
    ),
    { from: lit(second, 1), to: lit(second, 0.72) },
  );
  const rows = style === "double" ? [1.25, 3.05] : style === "coach" ? [1.75] : [1.35];
  for (const row of rows)
    windowRow(stage, [back + 0.35, bodyNose - slope - 0.3], [row, row + (style === "double" ? 0.85 : 1.05)], {
      z,
      pitch: style === "school" ? 0.72 : random.between(1.1, 1.5),
      lamps,
      random,
    });
  const doors =
    style === "city"
      ? [bodyNose - 1.35, random.between(-0.9, 0.4)]
      : style === "double"
        ? [bodyNose - 1.5]
        : style === "coach"
          ? [bodyNose - 1.1]
          : [];
  for (const x of doors) {
    stage.sheet(
      at(
        [
          [x, low + 0.08],
          [x + 1.0, low + 0.08],
          [x + 1.0, 2.45],
          [x, 2.45],
        ],
        z + 0.005,
      ),
      mix(colour, black, 0.55),
    );
    for (const leaf of [x + 0.07, x + 0.54])
      stage.sheet(
        at(
          [
            [leaf, low + 0.25],
            [leaf + 0.39, low + 0.25],
            [leaf + 0.39, 2.35],
            [leaf, 2.35],
          ],
          z + 0.01,
        ),
        { from: lit(pane, 1.4), to: lit(pane, 0.85) },
      );
  }
  if (style === "school")
    for (const y of [1.1, 1.25])
      stage.sheet(
        at(
          [
            [back + 0.1, y],
            [bodyNose - 0.1, y],
            [bodyNose - 0.1, y + 0.05],
            [back + 0.1, y + 0.05],
          ],
          z,
        ),
        black,
      );
  if (style !== "school" && random.chance(0.35))
    stage.block([back + 1.4, back + 3.4], [roof - 0.02, roof + 0.22], [-0.8, 0.8], mix(white, colour, 0.3));
  wheelArches(stage, axles, radius, half);
  wheelRow(stage, axles, { radius, z: half - 0.08, random: wheels });
  stage.tube(
    [
      [nose - 0.1, roof - 0.5, half],
      [nose + 0.35, roof - 0.6, half + 0.2],
      [nose + 0.35, roof - 0.95, half + 0.2],
    ],
    0.07,
    black,
  );
}
