import { Resvg } from "@resvg/resvg-js";
import type { Image } from "../images/image.ts";
import { backdrop } from "./backdrop.ts";
import { bicycle } from "./bicycle.ts";
import { bus } from "./bus.ts";
import { develop } from "./camera.ts";
import { car } from "./car.ts";
import { type Conditions, settle } from "./conditions.ts";
import { darkness, obstacle, weatherOver } from "./foreground.ts";
import type { Lamps } from "./lamps.ts";
import { motorcycle } from "./motorcycle.ts";
import { pickupTruck } from "./pickup-truck.ts";
import { type Random, randomFrom } from "./random.ts";
import { frame, n } from "./shapes.ts";
import { type Fit, type Stage, stage, type View } from "./space.ts";
import { tractor } from "./tractor.ts";
import { train } from "./train.ts";

/*
 * Drawn vehicles: pictures to learn from when no photographs are at hand. Every picture is a pure function of kind, seed,
 * size and conditions. V1. The same arguments give the same bytes. V2. Only the kind decides what vehicle is seen: pose,
 * place, weather and camera are drawn from streams that do not know it, so nothing but the vehicle gives the class away
 * (trains alone bring their rails).
 */
export const vehicleKinds = ["bicycle", "motorcycle", "bus", "pickup_truck", "train", "car", "tractor"] as const;
export type VehicleKind = (typeof vehicleKinds)[number];

export interface VehiclePicture {
  kind: VehicleKind;
  /** Any text: one seed, one picture. */
  seed: string | number;
  /** Width and height in pixels, 8 to 1024. */
  size: number;
  conditions?: Conditions;
}

const painters: Record<VehicleKind, (world: Stage, random: Random, lamps: Lamps) => void> = {
  bicycle,
  motorcycle,
  bus,
  pickup_truck: pickupTruck,
  train,
  car,
  tractor,
};

/** One picture: the scene as SVG of 256 units, and the camera that takes it. */
export function drawVehicle({ kind, seed, size, conditions = {} }: VehiclePicture): Image {
  if (!vehicleKinds.includes(kind))
    throw new RangeError(`there is no vehicle "${kind}"; known are ${vehicleKinds.join(", ")}`);
  if (!Number.isInteger(size) || size < 8 || size > 1024)
    throw new RangeError(`size ${size} is not a whole number of pixels from 8 to 1024`);
  const random = randomFrom(`${seed}`);
  const settled = settle(conditions, random.fork("conditions"));
  const svg = scene(kind, random, settled);
  // Small pictures are drawn larger and averaged: thin spokes then fade instead of breaking.
  const factor = size <= 48 ? 3 : size <= 128 ? 2 : 1;
  const drawn = new Resvg(svg, {
    fitTo: { mode: "width", value: size * factor },
    font: { loadSystemFonts: false },
  }).render();
  const camera = random.fork("camera");
  const lens = {
    noise: settled.noise,
    blur: settled.blur * size,
    exposure: settled.exposure,
    warmth: camera.normal() * 0.035,
    vignette: camera.chance(0.4) ? camera.between(0.05, 0.3) : 0,
  };
  return develop(drawn.pixels, { size, factor, lens, random: camera });
}

function scene(kind: VehicleKind, random: Random, conditions: Required<Conditions>): string {
  const pose = random.fork("pose");
  const horizon = pose.between(122, 176);
  const view: View = {
    yaw: pose.chance(0.4) ? pose.normal() * 0.12 : pose.between(-0.8, 1.05),
    pitch: pose.between(0.03, 0.24),
    distance: 1,
    isMirrored: pose.chance(0.5),
  };
  const world = stage({
    ...view,
    distance:
      { bicycle: 5, motorcycle: 5, car: 9, tractor: 9, pickup_truck: 11, bus: 19, train: 24 }[kind] *
      pose.between(0.85, 1.6),
  });
  painters[kind](world, random.fork(kind), {
    areOn: conditions.light === "night" || (conditions.light === "dusk" && pose.chance(0.6)),
  });
  const fit = fitted(world, kind, pose, horizon);
  const turn =
    Math.abs(conditions.rotateDegrees) < 0.1
      ? ""
      : ` transform="rotate(${n(conditions.rotateDegrees)} 128 128) ${grow(conditions.rotateDegrees)}"`;
  const inFront = pose.chance(0.2) ? obstacle(random.fork("obstacle"), conditions) : "";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${frame} ${frame}"><g${turn}>${[
    backdrop(random.fork("backdrop"), conditions, horizon),
    world.toSvg(fit, "v"),
    inFront,
    darkness(conditions),
    conditions.light === "night" || conditions.light === "dusk" ? world.glowSvg(fit, "v") : "",
    weatherOver(random.fork("weather"), conditions, horizon),
  ].join("")}</g></svg>`;
}

// Where the vehicle stands: usually whole and near the middle, sometimes cut by the frame; wheels always below the horizon.
function fitted(world: Stage, kind: VehicleKind, pose: Random, horizon: number): Fit {
  const { left, right, top, bottom } = world.bounds();
  const [width, height] = [right - left, bottom - top];
  const ground = Math.max(horizon + pose.between(8, 26), pose.between(176, 226));
  if (kind === "train") {
    const scale = Math.min((frame * pose.between(0.42, 0.66)) / height, (frame * 3) / width);
    const nose = frame * (world.view.isMirrored ? 1 - pose.between(0.7, 0.97) : pose.between(0.7, 0.97));
    const isShort = width * scale < frame * 0.9;
    const x = isShort
      ? frame / 2 - ((left + right) / 2) * scale
      : nose - (world.view.isMirrored ? left : right) * scale;
    return { scale, x, y: ground - bottom * scale };
  }
  const reach = pose.chance(0.1) ? pose.between(1, 1.15) : pose.between(kind === "bus" ? 0.72 : 0.6, 0.98);
  const scale = Math.min((frame * reach) / width, (ground * 0.94) / height);
  const room = Math.abs(frame - width * scale) / 2;
  return {
    scale,
    x: frame / 2 - ((left + right) / 2) * scale + pose.between(-0.7, 0.7) * room,
    y: ground - bottom * scale,
  };
}

// A turned picture must still fill its frame; full quarter turns need no enlargement.
function grow(degrees: number): string {
  const angle = (degrees * Math.PI) / 180;
  const scale = Math.abs(Math.sin(angle)) + Math.abs(Math.cos(angle));
  return scale < 1.001 ? "" : `translate(128 128) scale(${n(Math.min(1.42, scale + 0.01))}) translate(-128 -128)`;
}
