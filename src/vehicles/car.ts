import { cabin, front, handle, lamp, rect3, seam, tailLamp, wheelArches } from "./body-parts.ts";
import { paint } from "./colour.ts";
import type { Lamps } from "./lamps.ts";
import type { Random } from "./random.ts";
import { rounded, type Stage } from "./space.ts";
import { wheelRow } from "./wheels.ts";

export function car(stage: Stage, random: Random, lamps: Lamps): void {
  const style = random.pick(["saloon", "hatch", "hatch", "estate", "van"] as const);
  const isTaxi = style === "saloon" && random.chance(0.25);
  const colour = isTaxi ? ([246, 196, 36] as const) : paint(random);
  const [back, nose] = [style === "hatch" ? -1.75 : -2.1, style === "van" ? 2.0 : 2.05];
  const low = random.between(0.22, 0.32);
  const belt = low + (style === "van" ? 0.75 : random.between(0.52, 0.6));
  const roof = belt + (style === "van" ? 0.75 : random.between(0.46, 0.56));
  const half = 0.86;
  const radius = random.between(0.31, 0.36);
  const wheels = random.fork("wheels");
  const axles = [back + 0.72, 1.32];
  stage.shadow([back, nose], [-half, half]);
  wheelRow(stage, axles, { radius, z: -half + 0.1, random: wheels });
  const rake: [number, number] = style === "saloon" ? [0.75, 0.75] : style === "van" ? [0.06, 0.5] : [0.42, 0.72];
  const cabBack = style === "saloon" ? back + 0.42 : back + 0.04;
  cabin(stage, {
    x: [cabBack, style === "van" ? 1.35 : 0.98],
    y: [belt, roof],
    half: half - 0.1,
    rake,
    colour,
    lamps,
    pillars: style === "van" ? [0.62] : [0.5],
    solidUntil: style === "van" ? 0.6 : 0,
  });
  const hood = style === "van" ? 0.06 : 0.12;
  stage.prism(
    rounded(
      [
        [back + 0.02, low],
        [nose - 0.04, low],
        [nose, low + 0.22],
        [nose - 0.12, belt - hood],
        [0.95, belt + 0.03],
        [back + 0.25, belt + 0.03],
        [back, belt - 0.08],
      ],
      0.13,
      5,
    ),
    { z0: -half, z1: half },
    colour,
  );
  front(stage, nose, [low, belt - hood - 0.06], half, lamps);
  stage.face(rect3(back - 0.01, [belt - 0.22, belt - 0.08], [half - 0.3, half - 0.06]), [-1, 0, 0], tailLamp);
  wheelArches(stage, axles, radius, half);
  for (const x of style === "hatch" ? [-0.55, 0.62] : [-0.95, -0.05, 0.75])
    seam(
      stage,
      [
        [x, low + 0.1],
        [x + 0.04, belt],
      ],
      half,
    );
  handle(stage, -0.2, belt - 0.1, half);
  if (isTaxi) stage.block([-0.35, 0.15], [roof, roof + 0.13], [-0.22, 0.22], lamp);
  wheelRow(stage, axles, { radius, z: half - 0.06, random: wheels });
}
