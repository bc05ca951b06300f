import { black, type Colour, css, lit, white } from "./colour.ts";

/*
 * A small painter's world: solids in metres (x forward, y up, z towards the viewer), seen through one camera and painted
 * back to front in the order they are asked for. It knows nothing of vehicles. What is painted is kept as outlines and only
 * becomes SVG once it is known where in the frame it must fit.
 */
export type Point = readonly [x: number, y: number, z: number];
export type Flat = readonly [x: number, y: number];
export type Fill = Colour | { from: Colour; to: Colour; across?: boolean };

export interface View {
  /** Turns the front (+x) towards the viewer; radians, within about +-1.25. */
  yaw: number;
  /** How far the camera looks down; radians. */
  pitch: number;
  /** Metres from the camera to the middle: small gives strong perspective. */
  distance: number;
  isMirrored: boolean;
}

export interface Look {
  opacity?: number;
  /** Metres. */
  strokeWidth?: number;
  stroke?: Colour;
  /** Belongs to the surroundings: the frame need not hold it. */
  isSurrounding?: boolean;
}

interface Mark {
  outline: Flat[];
  isClosed: boolean;
  fill?: Fill;
  stroke?: Colour;
  strokeWidth: number;
  opacity: number;
  isMeasured: boolean;
}

export interface Fit {
  scale: number;
  x: number;
  y: number;
}

export interface Stage {
  readonly view: View;
  /** A side profile, counter-clockwise, extruded from z0 to z1. */
  prism(profile: readonly Flat[], depth: { z0: number; z1: number }, colour: Colour, look?: PrismLook): void;
  block(x: [number, number], y: [number, number], z: [number, number], colour: Colour, look?: PrismLook): void;
  /** A flat piece, painted only when `normal` points at the viewer. */
  face(points: readonly Point[], normal: Point, fill: Fill, look?: Look): void;
  /** A flat piece seen from both sides. */
  sheet(points: readonly Point[], fill: Fill, look?: Look): void;
  /** A rod through the points with round ends. */
  tube(points: readonly Point[], width: number, colour: Colour, look?: { isMatt?: boolean }): void;
  /** A circle in the plane z = const, as ring or disc. */
  circle(centre: Point, radius: number, look: Look & { fill?: Fill }): void;
  ball(centre: Point, radius: number, colour: Colour): void;
  /** The soft dark patch where something stands. */
  shadow(x: [number, number], z: [number, number]): void;
  /** A lamp that shines at night. */
  glow(centre: Point, radius: number, colour: Colour): void;
  bounds(): { left: number; right: number; top: number; bottom: number };
  toSvg(fit: Fit, idPrefix: string): string;
  /** The glows alone, for painting above the darkness. */
  glowSvg(fit: Fit, idPrefix: string): string;
}

export interface PrismLook {
  /** Share of the usual shading between top and bottom of the near side; 0 is flat. */
  sheen?: number;
  side?: Fill;
}

const lightFrom: Point = unit([-0.35, 0.8, 0.5]);

export function stage(view: View): Stage {
  const marks: Mark[] = [];
  const glows: { at: Flat; radius: number; colour: Colour }[] = [];
  const [sinYaw, cosYaw] = [Math.sin(view.yaw), Math.cos(view.yaw)];
  const [sinPitch, cosPitch] = [Math.sin(view.pitch), Math.cos(view.pitch)];

  const turn = ([x, y, z]: Point): Point => {
    const away = x * sinYaw + z * cosYaw;
    return [x * cosYaw - z * sinYaw, y * cosPitch - away * sinPitch, away * cosPitch + y * sinPitch];
  };
  const nearness = (turned: Point) => view.distance / Math.max(0.2 * view.distance, view.distance - turned[2]);
  const project = (point: Point): Flat => {
    const turned = turn(point);
    const k = nearness(turned);
    return [(view.isMirrored ? -1 : 1) * turned[0] * k, -turned[1] * k];
  };
  const facesViewer = (centre: Point, normal: Point) => {
    const [c, n] = [turn(centre), turn(normal)];
    return n[2] * (view.distance - c[2]) - n[0] * c[0] - n[1] * c[1] > 0;
  };
  const shade = (normal: Point) => {
    const turned = turn(normal);
    return 0.62 + 0.5 * Math.max(-0.25, dot(turned, lightFrom));
  };
  const add = (outline: Flat[], mark: Partial<Mark>) =>
    marks.push({ outline, isClosed: true, strokeWidth: 0, opacity: 1, isMeasured: true, ...mark });
  const outlineOf = (look: Look): Partial<Mark> => ({
    opacity: look.opacity ?? 1,
    isMeasured: look.isSurrounding !== true,
    ...(look.stroke && { stroke: look.stroke, strokeWidth: look.strokeWidth ?? 0.02 }),
  });

  const world: Stage = {
    view,
    prism(profile, { z0, z1 }, colour, look = {}) {
      const strips = profile.map((from, i) => strip(from, profile[(i + 1) % profile.length] as Flat, z0, z1));
      const visible = strips.filter(({ centre, normal }) => facesViewer(centre, normal));
      visible.sort((a, b) => turn(a.centre)[2] - turn(b.centre)[2]);
      for (const { points, normal } of visible) {
        const tone = lit(colour, shade(normal));
        // A hair of stroke in the same colour closes the seams between neighbouring strips.
        add(points.map(project), { fill: tone, stroke: tone, strokeWidth: 0.012 });
      }
      const sheen = look.sheen ?? 1;
      const light = shade([0, 0, 1]);
      const side = look.side ?? { from: lit(colour, light + 0.13 * sheen), to: lit(colour, light - 0.2 * sheen) };
      add(
        profile.map(([x, y]) => project([x, y, z1])),
        { fill: side },
      );
    },
    block([x0, x1], [y0, y1], [z0, z1], colour, look) {
      const profile: Flat[] = [
        [x0, y0],
        [x1, y0],
        [x1, y1],
        [x0, y1],
      ];
      world.prism(profile, { z0, z1 }, colour, look);
    },
    face(points, normal, fill, look = {}) {
      if (facesViewer(middle(points), normal)) add(points.map(project), { fill, ...outlineOf(look) });
    },
    sheet(points, fill, look = {}) {
      add(points.map(project), { fill, ...outlineOf(look) });
    },
    tube(points, width, colour, look = {}) {
      const k = nearness(turn(middle(points)));
      const outline = points.map(project);
      const line = { isClosed: false, stroke: lit(colour, look.isMatt ? 0.9 : 0.78), strokeWidth: width * k };
      add(outline, line);
      // Light along the upper side makes the rod round.
      const lift = width * k * 0.18;
      add(
        outline.map(([x, y]): Flat => [x - lift * 0.5, y - lift]),
        {
          ...line,
          stroke: lit(colour, look.isMatt ? 1.06 : 1.25),
          strokeWidth: width * k * 0.4,
        },
      );
    },
    circle(centre, radius, look) {
      add(circlePoints(centre, radius).map(project), { ...(look.fill && { fill: look.fill }), ...outlineOf(look) });
    },
    ball(centre, radius, colour) {
      const turned = turn(centre);
      const [x, y] = project(centre);
      const r = radius * nearness(turned);
      add(ring(x, y, r), { fill: { from: lit(colour, 1.15), to: lit(colour, 0.62) } });
    },
    shadow([x0, x1], [z0, z1]) {
      for (const [grow, opacity] of [
        [1.12, 0.16],
        [1, 0.2],
        [0.86, 0.26],
      ] as const) {
        const [rx, rz] = [((x1 - x0) / 2) * grow, ((z1 - z0) / 2) * grow];
        const outline = ring(0, 0, 1).map(([u, v]): Flat => {
          // Between ellipse and rectangle, as a car's shadow at noon.
          const [su, sv] = [Math.sign(u) * Math.abs(u) ** 0.6, Math.sign(v) * Math.abs(v) ** 0.6];
          return project([(x0 + x1) / 2 + su * rx, 0, (z0 + z1) / 2 + sv * rz]);
        });
        add(outline, { fill: black, opacity, isMeasured: false });
      }
    },
    glow(centre, radius, colour) {
      glows.push({ at: project(centre), radius: radius * nearness(turn(centre)), colour });
    },
    bounds() {
      const box = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
      for (const mark of marks) {
        if (!mark.isMeasured) continue;
        for (const [x, y] of mark.outline) {
          box.left = Math.min(box.left, x);
          box.right = Math.max(box.right, x);
          box.top = Math.min(box.top, y);
          box.bottom = Math.max(box.bottom, y);
        }
      }
      return box;
    },
    toSvg(fit, idPrefix) {
      const gradients = new Map<string, string>();
      const paths = marks.map((mark) => markSvg(mark, fit, (fill) => paintOf(fill, gradients, idPrefix)));
      return `<defs>${[...gradients.keys()].join("")}</defs>${paths.join("")}`;
    },
    glowSvg(fit, idPrefix) {
      return glows
        .map(({ at: [x, y], radius, colour }, i) => {
          const stops = `<stop stop-color="${css(white)}"/><stop offset=".16" stop-color="${css(colour)}" stop-opacity=".85"/><stop offset="1" stop-color="${css(colour)}" stop-opacity="0"/>`;
          const id = `${idPrefix}glow${i}`;
          return `<radialGradient id="${id}">${stops}</radialGradient><circle cx="${digits(fit.x + x * fit.scale)}" cy="${digits(fit.y + y * fit.scale)}" r="${digits(radius * fit.scale)}" fill="url(#${id})"/>`;
        })
        .join("");
    },
  };
  return world;
}

/** Rounds the corners of a closed outline: each becomes a short curve that starts `radius` before it. */
export function rounded(points: readonly Flat[], radius: number, steps = 4): Flat[] {
  return points.flatMap((corner, i) => {
    const before = points[(i + points.length - 1) % points.length] as Flat;
    const after = points[(i + 1) % points.length] as Flat;
    const [from, to] = [towards(corner, before, radius), towards(corner, after, radius)];
    return Array.from({ length: steps + 1 }, (_, step): Flat => {
      const t = step / steps;
      const [a, b, c] = [(1 - t) ** 2, 2 * t * (1 - t), t * t];
      return [a * from[0] + b * corner[0] + c * to[0], a * from[1] + b * corner[1] + c * to[1]];
    });
  });
}

/** Points along part of a circle in the plane z; angles in degrees, 0 forward, 90 up. */
export function arc(centre: Point, radius: number, [fromDegrees, toDegrees]: [number, number], steps = 10): Point[] {
  return Array.from({ length: steps + 1 }, (_, i): Point => {
    const angle = ((fromDegrees + ((toDegrees - fromDegrees) * i) / steps) * Math.PI) / 180;
    return [centre[0] + radius * Math.cos(angle), centre[1] + radius * Math.sin(angle), centre[2]];
  });
}

export function at(flat: readonly Flat[], z: number): Point[] {
  return flat.map(([x, y]): Point => [x, y, z]);
}

function circlePoints([cx, cy, cz]: Point, radius: number): Point[] {
  return ring(cx, cy, radius).map(([x, y]): Point => [x, y, cz]);
}

function ring(x: number, y: number, radius: number, steps = 28): Flat[] {
  return Array.from({ length: steps }, (_, i): Flat => {
    const angle = (2 * Math.PI * i) / steps;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
  });
}

function strip([x0, y0]: Flat, [x1, y1]: Flat, z0: number, z1: number) {
  const points: Point[] = [
    [x0, y0, z0],
    [x1, y1, z0],
    [x1, y1, z1],
    [x0, y0, z1],
  ];
  // Counter-clockwise outline: the outside is to the right of the direction of travel.
  return { points, normal: unit([y1 - y0, x0 - x1, 0]), centre: middle(points) };
}

function markSvg(mark: Mark, fit: Fit, paint: (fill: Fill) => string): string {
  const text = mark.outline
    .map(([x, y]) => `${digits(fit.x + x * fit.scale)} ${digits(fit.y + y * fit.scale)}`)
    .join("L");
  const fill = mark.fill ? paint(mark.fill) : "none";
  const stroke = mark.stroke
    ? ` stroke="${css(mark.stroke)}" stroke-width="${digits(Math.max(0.3, mark.strokeWidth * fit.scale))}" stroke-linejoin="round" stroke-linecap="round"`
    : "";
  const opacity = mark.opacity < 1 ? ` opacity="${digits(mark.opacity)}"` : "";
  return `<path d="M${text}${mark.isClosed ? "Z" : ""}" fill="${fill}"${stroke}${opacity}/>`;
}

function paintOf(fill: Fill, gradients: Map<string, string>, idPrefix: string): string {
  if (!("from" in fill)) return css(fill);
  const [x, y] = fill.across ? [1, 0.15] : [0, 1];
  const body = `x2="${x}" y2="${y}"><stop stop-color="${css(fill.from)}"/><stop offset="1" stop-color="${css(fill.to)}"/></linearGradient>`;
  const known = [...gradients].find(([text]) => text.endsWith(body));
  if (known) return `url(#${known[1]})`;
  const id = `${idPrefix}${gradients.size}`;
  gradients.set(`<linearGradient id="${id}" x1="0" y1="0" ${body}`, id);
  return `url(#${id})`;
}

function digits(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function towards(from: Flat, to: Flat, distance: number): Flat {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
  const share = Math.min(0.5, distance / length);
  return [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];
}

function middle(points: readonly Point[]): Point {
  const sum = points.reduce<[number, number, number]>(
    (total, [x, y, z]) => [total[0] + x, total[1] + y, total[2] + z],
    [0, 0, 0],
  );
  return [sum[0] / points.length, sum[1] / points.length, sum[2] / points.length];
}

function dot(a: Point, b: Point): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function unit(vector: Point): Point {
  const length = Math.hypot(...vector) || 1;
  return [vector[0] / length, vector[1] / length, vector[2] / length];
}
