import { black, type Colour, css, fromHue, lit, mix, white } from "./colour.ts";
import type { Conditions, Light } from "./conditions.ts";
import type { Random } from "./random.ts";
import { box, dot, frame, n, polygon } from "./shapes.ts";

const skies: Record<Light, Colour[]> = {
  day: [
    [78, 148, 214],
    [158, 204, 236],
    [222, 238, 246],
  ],
  overcast: [
    [146, 158, 170],
    [184, 192, 200],
    [214, 218, 220],
  ],
  dusk: [
    [74, 72, 126],
    [222, 122, 108],
    [253, 206, 140],
  ],
  night: [
    [10, 14, 34],
    [26, 32, 64],
    [58, 60, 92],
  ],
};

interface Scene {
  random: Random;
  horizon: number;
  conditions: Required<Conditions>;
  /** How much light falls on things: 1 at day. */
  light: number;
}

/** The picture behind the vehicle: sky, what stands on the horizon, the ground. */
export function backdrop(random: Random, conditions: Required<Conditions>, horizon: number): string {
  const light = { day: 1, overcast: 0.88, dusk: 0.72, night: 0.34 }[conditions.light];
  const scene: Scene = { random, horizon, conditions, light };
  const place = conditions.place;
  if (place === "studio") return studio(scene);
  if (place === "wall") return wall(scene) + road(scene, "pavement");
  const far = {
    street: () => skyline(scene, 0.2) + houses(scene),
    city: () => skyline(scene, 0.55) + skyline(scene, 0.3) + trees(scene, random.integer(0, 3)),
    field: () => hills(scene) + trees(scene, random.integer(1, 5)),
    forest: () => hills(scene) + trees(scene, random.integer(9, 14)),
    seaside: () => sea(scene),
    mountains: () => mountains(scene) + hills(scene),
  }[place]();
  return (
    sky(scene) +
    far +
    road(
      scene,
      place === "field" || place === "forest"
        ? random.pick(["grass", "road", "sand"])
        : random.pick(["road", "road", "pavement"]),
    )
  );
}

function sky({ random, horizon, conditions }: Scene): string {
  const colours = skies[conditions.light].map((colour) =>
    mix(colour, fromHue(random.next() * 360, 0.4, 0.6), random.between(0, 0.12)),
  );
  let svg = verticalGradient("sky", colours) + box(0, 0, frame, horizon + 2, "url(#sky)");
  if (conditions.light === "night") {
    for (let i = 0; i < 24; i++)
      svg += dot(
        random.next() * frame,
        random.next() * horizon * 0.8,
        random.between(0.4, 1.1),
        white,
        random.between(0.3, 0.9),
      );
    if (random.chance(0.5))
      svg += dot(random.between(20, 236), random.between(18, 60), random.between(8, 13), [244, 240, 220], 0.95);
  } else if (conditions.light !== "overcast" && random.chance(0.55)) {
    const isLow = conditions.light === "dusk";
    const [x, y] = [random.between(16, 240), isLow ? horizon - random.between(6, 40) : random.between(14, 60)];
    const glow: Colour = isLow ? [255, 222, 150] : [255, 250, 222];
    svg += `<radialGradient id="sun"><stop offset=".15" stop-color="${css(glow)}"/><stop offset=".28" stop-color="${css(glow)}" stop-opacity=".5"/><stop offset="1" stop-color="${css(glow)}" stop-opacity="0"/></radialGradient>`;
    svg += `<circle cx="${n(x)}" cy="${n(y)}" r="${isLow ? 64 : 48}" fill="url(#sun)"/>`;
  }
  const clouds =
    conditions.light === "night"
      ? 0
      : random.integer(conditions.light === "overcast" ? 3 : 0, conditions.light === "overcast" ? 7 : 4);
  const cloud =
    conditions.light === "dusk"
      ? mix([255, 190, 160], white, 0.3)
      : mix(white, [200, 206, 214], conditions.light === "overcast" ? 0.7 : 0.1);
  for (let i = 0; i < clouds; i++) {
    const [x, y, size] = [random.next() * frame, random.between(8, horizon * 0.7), random.between(12, 30)];
    for (let part = 0; part < 5; part++) {
      const [dx, r] = [(part - 2) * size * 0.55, size * (0.55 - Math.abs(part - 2) * 0.12)];
      svg += `<ellipse cx="${n(x + dx)}" cy="${n(y - r * 0.2)}" rx="${n(r * 1.3)}" ry="${n(r * 0.6)}" fill="${css(cloud)}" opacity=".75"/>`;
    }
  }
  return svg;
}

function skyline({ random, horizon, conditions, light }: Scene, share: number): string {
  const air = skies[conditions.light][2] as Colour;
  const tone = mix(lit(mix([112, 118, 132], [150, 128, 118], random.next()), light), air, share);
  const windows = conditions.light === "night" || conditions.light === "dusk";
  let svg = "";
  for (let x = -random.between(0, 20); x < frame; ) {
    const [width, height] = [random.between(16, 40), random.between(24, 30 + horizon * 0.55) * (0.6 + share)];
    const colour = mix(tone, random.chance(0.5) ? black : white, random.between(0, 0.12));
    svg += box(x, horizon - height, width + 1, height + 2, css(colour));
    for (let wx = x + 3; wx < x + width - 4; wx += 6) {
      for (let wy = horizon - height + 4; wy < horizon - 6; wy += 8) {
        const isLit = windows && random.chance(0.45);
        svg += box(wx, wy, 3, 4.4, css(isLit ? [255, 214, 128] : mix(colour, windows ? black : white, 0.22)));
      }
    }
    x += width + (random.chance(0.2) ? random.between(2, 12) : 0);
  }
  return svg;
}

function houses({ random, horizon, conditions, light }: Scene): string {
  let svg = "";
  const isEvening = conditions.light === "night" || conditions.light === "dusk";
  for (let x = -random.between(0, 30); x < frame; ) {
    const [width, height] = [random.between(34, 66), random.between(44, 92)];
    const front = lit(
      fromHue(
        random.pick([12, 24, 36, 44, 200, 340]) + random.between(-8, 8),
        random.between(0.12, 0.45),
        random.between(0.45, 0.72),
      ),
      light,
    );
    const top = horizon - height;
    svg += box(x, top, width, height + 3, css(front));
    if (random.chance(0.6))
      svg += polygon(
        [
          [x - 2, top],
          [x + width / 2, top - random.between(10, 26)],
          [x + width + 2, top],
        ],
        lit([134, 66, 50], light),
      );
    else svg += box(x - 1, top - 3, width + 2, 4, css(lit(front, 0.7)));
    const columns = Math.max(2, Math.round(width / 16));
    for (let row = top + 8; row < horizon - 26; row += 22) {
      for (let column = 0; column < columns; column++) {
        const wx = x + (width / columns) * (column + 0.5) - 4;
        const isLit = isEvening && random.chance(0.5);
        svg +=
          box(wx - 1, row - 1, 10, 14, css(lit(front, 1.25))) +
          box(wx, row, 8, 12, css(isLit ? [255, 214, 130] : lit([84, 104, 126], light)));
      }
    }
    if (random.chance(0.5)) {
      svg +=
        box(x + 3, horizon - 20, width - 6, 22, css(lit([60, 70, 84], light))) +
        box(x + 2, horizon - 24, width - 4, 5, css(lit(fromHue(random.next() * 360, 0.6, 0.45), light)));
    } else svg += box(x + width * 0.4, horizon - 18, 10, 20, css(lit([96, 66, 48], light)));
    x += width + (random.chance(0.25) ? random.between(3, 16) : 0);
  }
  return svg;
}

function hills({ random, horizon, conditions, light }: Scene): string {
  const air = skies[conditions.light][2] as Colour;
  let svg = "";
  for (const share of [0.6, 0.3]) {
    const colour = mix(lit(fromHue(random.between(80, 140), 0.3, 0.4), light), air, share);
    const [a, b, phase] = [random.between(6, 22) * (0.5 + share), random.between(3, 9), random.next() * 6.28];
    const points: [number, number][] = [[0, horizon + 2]];
    for (let x = 0; x <= frame; x += 16)
      points.push([x, horizon - a * (1 + Math.sin(x / 46 + phase)) - b * (1 + Math.sin(x / 17 + phase * 2)) * 0.5]);
    svg += polygon([...points, [frame, horizon + 2]], colour);
  }
  return svg;
}

function mountains({ random, horizon, conditions, light }: Scene): string {
  const air = skies[conditions.light][2] as Colour;
  let svg = "";
  for (const share of [0.55, 0.3]) {
    const colour = mix(lit([92, 104, 128], light), air, share);
    for (let x = -random.between(0, 50); x < frame; x += random.between(44, 80)) {
      const [height, width] = [random.between(40, 96) * (share + 0.35), random.between(56, 96)];
      const peak: [number, number] = [x + width * random.between(0.35, 0.65), horizon - height];
      svg += polygon([[x, horizon + 2], peak, [x + width, horizon + 2]], colour);
      svg += polygon([peak, [x + width, horizon + 2], [peak[0] + 4, horizon + 2]], lit(colour, 0.85));
      if (height > 46)
        svg += polygon(
          [
            peak,
            [peak[0] + width * 0.12, peak[1] + height * 0.28],
            [peak[0] + 2, peak[1] + height * 0.2],
            [peak[0] - width * 0.1, peak[1] + height * 0.27],
          ],
          lit(mix(white, air, 0.2), light),
        );
    }
  }
  return svg;
}

function trees({ random, horizon, light }: Scene, count: number): string {
  let svg = "";
  const isAutumn = random.chance(0.2);
  for (let i = 0; i < count; i++) {
    const [x, size] = [random.next() * frame, random.between(20, 54)];
    const leaf = lit(
      fromHue(
        isAutumn ? random.between(18, 50) : random.between(85, 140),
        random.between(0.35, 0.6),
        random.between(0.24, 0.38),
      ),
      light,
    );
    svg += box(x - size * 0.06, horizon - size * 0.5, size * 0.12, size * 0.55, css(lit([92, 68, 50], light)));
    if (random.chance(0.35)) {
      for (let tier = 0; tier < 3; tier++) {
        const y = horizon - size * (0.25 + tier * 0.32);
        svg += polygon(
          [
            [x - size * (0.36 - tier * 0.08), y],
            [x, y - size * 0.5],
            [x + size * (0.36 - tier * 0.08), y],
          ],
          lit(leaf, 0.85 + tier * 0.08),
        );
      }
    } else {
      for (const [dx, dy, r, tone] of [
        [0.18, -0.72, 0.34, 0.8],
        [-0.2, -0.74, 0.34, 0.95],
        [0, -0.98, 0.36, 1.1],
      ] as const) {
        svg += dot(x + dx * size, horizon + dy * size, r * size, lit(leaf, tone), 1);
      }
    }
  }
  return svg;
}

function sea({ random, horizon, conditions, light }: Scene): string {
  const water = mix(lit([46, 120, 160], light), skies[conditions.light][1] as Colour, 0.3);
  const height = random.between(26, 56);
  let svg =
    verticalGradient("sea", [mix(water, white, 0.3), water]) + box(0, horizon - height, frame, height + 3, "url(#sea)");
  for (let i = 0; i < 16; i++)
    svg += box(
      random.next() * frame,
      horizon - height + random.next() * height,
      random.between(6, 24),
      1,
      css(mix(water, white, 0.5)),
    );
  if (random.chance(0.5)) {
    const [x, y] = [random.between(20, 230), horizon - height + 2];
    svg +=
      polygon(
        [
          [x, y - 3],
          [x + 16, y - 3],
          [x + 13, y + 2],
          [x + 3, y + 2],
        ],
        white,
      ) +
      polygon(
        [
          [x + 7, y - 20],
          [x + 7, y - 5],
          [x + 16, y - 5],
        ],
        [248, 240, 230],
      );
  }
  return svg;
}

function wall({ random, horizon, light }: Scene): string {
  const base = lit(
    fromHue(
      random.pick([12, 20, 36, 48, 190, 210, 345]) + random.between(-6, 6),
      random.between(0.08, 0.5),
      random.between(0.4, 0.74),
    ),
    Math.min(1, light + 0.05),
  );
  let svg =
    verticalGradient("wall", [lit(base, 1.1), base, lit(base, 0.85)]) + box(0, 0, frame, horizon + 2, "url(#wall)");
  const kind = random.pick(["bricks", "panels", "plain", "shutters", "paint"] as const);
  if (kind === "bricks") {
    const tone = css(lit(base, 0.82));
    for (let y = 6, row = 0; y < horizon; y += 12, row++) {
      svg += box(0, y, frame, 1, tone);
      for (let x = (row % 2) * 14; x < frame; x += 28) svg += box(x, y, 1, 12, tone);
    }
  } else if (kind === "panels")
    for (let x = random.between(0, 40); x < frame; x += random.between(44, 70))
      svg += box(x, 0, 2, horizon, css(lit(base, 0.78)));
  else if (kind === "shutters") {
    const x = random.between(10, 130);
    svg += box(x, 40, 100, horizon - 38, css(lit([110, 116, 122], light)));
    for (let y = 44; y < horizon; y += 7) svg += box(x, y, 100, 2, css(lit([84, 90, 96], light)));
  } else if (kind === "paint") {
    for (let i = 0; i < 6; i++)
      svg += `<ellipse cx="${n(random.next() * frame)}" cy="${n(random.next() * horizon)}" rx="${n(random.between(12, 44))}" ry="${n(random.between(10, 30))}" fill="${css(lit(fromHue(random.next() * 360, 0.6, 0.55), light))}" opacity=".6"/>`;
  }
  return svg;
}

function studio({ random, horizon, light }: Scene): string {
  const base = lit(
    random.chance(0.6)
      ? ([240, 241, 243] as const)
      : fromHue(random.next() * 360, random.between(0.15, 0.5), random.between(0.55, 0.85)),
    light,
  );
  const floor = mix(base, [180, 180, 184], 0.35);
  return `${verticalGradient("studio", [base, lit(base, 1.05)])}${verticalGradient("floor", [lit(floor, 1.02), lit(floor, 0.9)])}${box(0, 0, frame, horizon + 1, "url(#studio)")}${box(0, horizon, frame, frame - horizon, "url(#floor)")}<ellipse cx="128" cy="${n(horizon)}" rx="200" ry="26" fill="${css(lit(base, 1.02))}" opacity=".6"/>`;
}

function road({ random, horizon, conditions, light }: Scene, kind: "road" | "pavement" | "grass" | "sand"): string {
  const isWet = conditions.weather === "rain";
  const snow = conditions.weather === "snow" ? 0.35 + 0.5 * conditions.severity : 0;
  const colours: Record<typeof kind, Colour> = {
    road: [104, 106, 112],
    pavement: [164, 160, 154],
    grass: [104, 142, 70],
    sand: [206, 182, 138],
  };
  const base = lit(
    mix(mix(colours[kind], fromHue(random.next() * 360, 0.2, 0.5), 0.08), [236, 240, 246], snow),
    light * (isWet ? 0.78 : 1),
  );
  let svg =
    verticalGradient("ground", [lit(base, 1.12), lit(base, 0.86)]) +
    box(0, horizon, frame, frame - horizon, "url(#ground)");
  const depth = frame - horizon;
  if (kind === "road") {
    const walk = lit(mix([176, 172, 166], [236, 240, 246], snow), light);
    svg +=
      box(0, horizon, frame, depth * random.between(0.06, 0.16), css(walk)) +
      box(0, horizon + depth * 0.17, frame, 1.5, css(lit(walk, 0.7)));
    const [y, gap, shift] = [horizon + depth * random.between(0.72, 0.9), random.between(36, 58), random.next() * 50];
    for (let x = -shift; x < frame; x += gap)
      svg += polygon(
        [
          [x, y],
          [x + gap * 0.5, y],
          [x + gap * 0.5 - 4, y + 4],
          [x - 4, y + 4],
        ],
        lit([238, 236, 226], light),
      );
  } else if (kind === "pavement") {
    const tone = css(lit(base, 0.88));
    for (let i = 1; i < 6; i++) svg += box(0, horizon + depth * (i / 6) ** 1.6, frame, 1, tone);
    for (let i = -6; i <= 6; i++)
      svg += `<path d="M${128 + i * 26} ${n(horizon)}L${128 + i * 58} ${frame}" stroke="${tone}" stroke-width="1"/>`;
  } else {
    for (let i = 0; i < 46; i++) {
      const y = horizon + random.next() ** 1.4 * depth;
      svg += box(
        random.next() * frame,
        y,
        random.between(3, 14),
        random.between(1, 2.4),
        css(lit(base, random.between(0.8, 1.2))),
      );
    }
  }
  if (isWet)
    for (let i = 0; i < 5; i++)
      svg += `<ellipse cx="${n(random.next() * frame)}" cy="${n(horizon + random.between(0.3, 1) * depth)}" rx="${n(random.between(14, 44))}" ry="${n(random.between(2, 6))}" fill="${css(mix(skies[conditions.light][1] as Colour, base, 0.45))}" opacity=".55"/>`;
  return svg;
}

function verticalGradient(id: string, colours: readonly Colour[]): string {
  const stops = colours.map(
    (colour, i) => `<stop offset="${n(i / Math.max(1, colours.length - 1))}" stop-color="${css(colour)}"/>`,
  );
  return `<linearGradient id="${id}" x1="0" y1="0" x2="0" y2="1">${stops.join("")}</linearGradient>`;
}
