import { black, type Colour, glass, lit, mix, steel, white } from "./colour.ts";
import type { Lamps } from "./lamps.ts";
import type { Random } from "./random.ts";
import { at, type Flat, type Point, rounded, type Stage } from "./space.ts";

export const tailLamp: Colour = [198, 30, 28];
export const lamp: Colour = [252, 246, 216];

interface Cabin {
  x: [number, number];
  y: [number, number];
  half: number;
  /** How far back window and windscreen lean in; metres. */
  rake: [number, number];
  colour: Colour;
  lamps: Lamps;
  /** Shares of the length where a pillar divides the side glass. */
  pillars: number[];
  /** Share of the side, from the back, that has no glass. */
  solidUntil?: number;
}

export function cabin(
  stage: Stage,
  { x: [x0, x1], y: [y0, y1], half, rake, colour, lamps, pillars, solidUntil = 0 }: Cabin,
): void {
  const profile: Flat[] = [
    [x0, y0],
    [x1, y0],
    [x1 - rake[1], y1],
    [x0 + rake[0], y1],
  ];
  stage.prism(rounded(profile, 0.12, 4), { z0: -half, z1: half }, colour);
  const pane = lamps.areOn ? mix(glass, [250, 214, 130], 0.4) : glass;
  const fill = { from: lit(pane, 1.45), to: lit(pane, 0.8) };
  const on = (t: number, s: number): Flat => {
    const y = y0 + (y1 - y0) * t;
    const [left, right] = [x0 + rake[0] * t, x1 - rake[1] * t];
    return [left + (right - left) * s, y];
  };
  const edges = [Math.max(0.06, solidUntil), ...pillars.filter((share) => share > solidUntil), 0.95];
  for (let i = 0; i + 1 < edges.length; i++) {
    const [a, b] = [(edges[i] as number) + (i > 0 ? 0.02 : 0), (edges[i + 1] as number) - 0.02];
    stage.sheet(at(rounded([on(0.08, a), on(0.08, b), on(0.88, b), on(0.88, a)], 0.05), half + 0.01), fill);
    stage.sheet(
      at(
        [
          on(0.3, a + (b - a) * 0.1),
          on(0.2, a + (b - a) * 0.2),
          on(0.86, a + (b - a) * 0.5),
          on(0.86, a + (b - a) * 0.34),
        ],
        half + 0.012,
      ),
      white,
      { opacity: 0.16 },
    );
  }
  const slope = (x: number, lean: number, t: number) => x + lean * t;
  stage.face(
    [
      [slope(x1, -rake[1], 0.1) + 0.015, y0 + (y1 - y0) * 0.1, half - 0.08],
      [slope(x1, -rake[1], 0.1) + 0.015, y0 + (y1 - y0) * 0.1, -half + 0.08],
      [slope(x1, -rake[1], 0.9) + 0.015, y0 + (y1 - y0) * 0.9, -half + 0.14],
      [slope(x1, -rake[1], 0.9) + 0.015, y0 + (y1 - y0) * 0.9, half - 0.14],
    ],
    [y1 - y0, rake[1], 0],
    fill,
  );
  stage.face(
    [
      [slope(x0, rake[0], 0.15) - 0.015, y0 + (y1 - y0) * 0.15, half - 0.1],
      [slope(x0, rake[0], 0.15) - 0.015, y0 + (y1 - y0) * 0.15, -half + 0.1],
      [slope(x0, rake[0], 0.85) - 0.015, y0 + (y1 - y0) * 0.85, -half + 0.14],
      [slope(x0, rake[0], 0.85) - 0.015, y0 + (y1 - y0) * 0.85, half - 0.14],
    ],
    [-(y1 - y0), rake[0], 0],
    fill,
  );
}

/** Lamps, grille, bumper and number plate on the plane x. */
export function front(stage: Stage, x: number, [low, high]: [number, number], half: number, lamps: Lamps): void {
  const y = (share: number) => low + (high - low) * share;
  stage.face(rect3(x, [y(0.38), y(0.82)], [-half * 0.55, half * 0.55]), [1, 0, 0], [38, 40, 44]);
  for (const side of [-1, 1]) {
    const span: [number, number] = side < 0 ? [-half + 0.06, -half * 0.6] : [half * 0.6, half - 0.06];
    stage.face(
      rect3(x + 0.005, [y(0.5), y(0.86)], span),
      [1, 0, 0],
      lamps.areOn ? [255, 252, 226] : { from: lamp, to: lit(lamp, 0.8) },
    );
  }
  if (lamps.areOn) for (const side of [-1, 1]) stage.glow([x, y(0.66), side * half * 0.8], half * 0.8, [255, 238, 196]);
  stage.face(rect3(x + 0.01, [y(0.02), y(0.26)], [-half + 0.04, half - 0.04]), [1, 0, 0], [58, 60, 66]);
  stage.face(rect3(x + 0.015, [y(0.08), y(0.24)], [-0.24, 0.24]), [1, 0, 0], [238, 238, 228]);
}

export function windowRow(
  stage: Stage,
  [x0, x1]: [number, number],
  [y0, y1]: [number, number],
  look: { z: number; pitch: number; lamps: Lamps; random: Random },
): void {
  const { z, lamps, random } = look;
  const count = Math.max(3, Math.round((x1 - x0) / look.pitch));
  const pitch = (x1 - x0) / count;
  stage.sheet(
    at(
      [
        [x0 - 0.06, y0 - 0.06],
        [x1 + 0.06, y0 - 0.06],
        [x1 + 0.06, y1 + 0.06],
        [x0 - 0.06, y1 + 0.06],
      ],
      z,
    ),
    [40, 42, 48],
  );
  for (let i = 0; i < count; i++) {
    const tone = lamps.areOn
      ? mix([255, 216, 132], glass, random.between(0, 0.5))
      : lit(glass, random.between(0.85, 1.3));
    const [a, b] = [x0 + i * pitch + 0.05, x0 + (i + 1) * pitch - 0.05];
    stage.sheet(
      at(
        [
          [a, y0],
          [b, y0],
          [b, y1],
          [a, y1],
        ],
        z + 0.005,
      ),
      { from: lit(tone, 1.35), to: lit(tone, 0.85) },
    );
  }
}

export function wheelArches(stage: Stage, axles: number[], radius: number, half: number): void {
  for (const x of axles) stage.circle([x, radius, half + 0.004], radius * 1.2, { fill: [22, 22, 25] });
}

export function seam(stage: Stage, points: Flat[], half: number): void {
  stage.sheet(at(points, half + 0.012), black, { stroke: black, strokeWidth: 0.018, opacity: 0.45 });
}

export function handle(stage: Stage, x: number, y: number, half: number): void {
  stage.tube(
    [
      [x - 0.09, y, half + 0.02],
      [x + 0.09, y, half + 0.02],
    ],
    0.04,
    mix(steel, black, 0.5),
  );
}

export function rect3(x: number, [y0, y1]: [number, number], [z0, z1]: [number, number]): Point[] {
  return [
    [x, y0, z0],
    [x, y0, z1],
    [x, y1, z1],
    [x, y1, z0],
  ];
}
