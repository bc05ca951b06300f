import { black, type Colour, lit, mix, rubber, steel } from "./colour.ts";
import type { Random } from "./random.ts";
import { arc, type Point, type Stage } from "./space.ts";

export function spokedWheel(stage: Stage, hub: Point, radius: number, random: Random): void {
  const tyre = random.chance(0.15) ? ([196, 168, 130] as const) : rubber;
  const thickness = random.between(0.03, 0.055);
  const count = random.integer(7, 11);
  const turned = random.next();
  for (let spoke = 0; spoke < count; spoke++) {
    const angle = (180 * (spoke + turned)) / count;
    const [from, to] = [
      arc(hub, radius * 0.93, [angle, angle], 1)[0],
      arc(hub, radius * 0.93, [angle + 180, angle + 180], 1)[0],
    ];
    stage.sheet([from as Point, to as Point], steel, { stroke: lit(steel, 0.95), strokeWidth: 0.008, opacity: 0.75 });
  }
  stage.circle(hub, radius * 0.92, { stroke: lit(steel, 1.05), strokeWidth: 0.02 });
  stage.circle(hub, radius - thickness / 2, { stroke: tyre, strokeWidth: thickness });
  stage.circle(hub, 0.035, { fill: lit(steel, 0.75) });
}

interface CastWheel {
  radius: number;
  width: number;
  metal: Colour;
  random: Random;
}

/** A wheel with a wide tyre: the tread is swept between its far and its near edge. */
export function castWheel(stage: Stage, hub: Point, { radius, width, metal, random }: CastWheel): void {
  const [x, y, z] = hub;
  for (const share of [-1, -0.5, 0, 0.5])
    stage.circle([x, y, z + (width / 2) * share], radius, { fill: lit(rubber, 0.8) });
  const near: Point = [x, y, z + width / 2];
  stage.circle(near, radius, { fill: { from: lit(rubber, 1.1), to: lit(rubber, 0.75) } });
  stage.circle(near, radius * 0.68, { fill: { from: lit(metal, 0.5), to: lit(metal, 0.32) } });
  stage.circle(near, radius * 0.63, { stroke: lit(metal, 1.05), strokeWidth: radius * 0.1 });
  const spokes = random.pick([3, 5, 5, 6, 8]);
  const turned = random.next() * 360;
  for (let spoke = 0; spoke < spokes; spoke++) {
    const angle = turned + (360 * spoke) / spokes;
    stage.tube([near, arc(near, radius * 0.6, [angle, angle], 1)[0] as Point], radius * 0.13, metal);
  }
  stage.circle(near, radius * 0.16, { fill: { from: lit(metal, 1.2), to: lit(metal, 0.7) } });
}

/** The wheels of one side, all alike. */
export function wheelRow(
  stage: Stage,
  axles: number[],
  { radius, z, random }: { radius: number; z: number; random: Random },
): void {
  const metal = random.chance(0.75) ? steel : mix(steel, black, 0.7);
  for (const x of axles) castWheel(stage, [x, radius, z], { radius, width: 0.24, metal, random: random.fork("rim") });
}

export function headlamp(stage: Stage, at: Point, radius: number): void {
  stage.glow(at, radius, [255, 240, 200]);
}
