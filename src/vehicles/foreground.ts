import { black, type Colour, css, fromHue, lit, mix, paint, white } from "./colour.ts";
import type { Conditions } from "./conditions.ts";
import type { Random } from "./random.ts";
import { box, dot, frame, n, polygon } from "./shapes.ts";

/** What happens to stand between camera and vehicle; never more than about a third of it. */
export function obstacle(random: Random, conditions: Required<Conditions>): string {
  const light = { day: 0.95, overcast: 0.85, dusk: 0.65, night: 0.4 }[conditions.light];
  const x = random.chance(0.5) ? random.between(4, 70) : random.between(186, 250);
  switch (random.pick(["post", "post", "tree", "hedge", "fence", "bollards", "walker"] as const)) {
    case "post": {
      const colour = lit(mix([92, 96, 102], paint(random), 0.3), light);
      return (
        box(x, 0, 7, frame, css(colour)) +
        box(x + 1.2, 0, 2, frame, css(lit(colour, 1.3))) +
        (random.chance(0.5) ? sign(random, x, light) : "")
      );
    }
    case "tree": {
      const leaf = lit(fromHue(random.between(85, 135), 0.45, 0.3), light);
      let svg = box(x - 8, 20, 17, frame, css(lit([86, 64, 48], light)));
      for (let i = 0; i < 12; i++)
        svg += dot(
          x + random.normal() * 34,
          random.between(-12, 46),
          random.between(14, 26),
          lit(leaf, random.between(0.8, 1.2)),
          0.95,
        );
      return svg;
    }
    case "hedge": {
      const leaf = lit(fromHue(random.between(85, 135), 0.4, 0.28), light);
      let svg = "";
      for (let i = 0; i < 40; i++)
        svg += dot(
          random.next() * frame,
          frame - random.between(0, 22),
          random.between(9, 17),
          lit(leaf, random.between(0.75, 1.25)),
          1,
        );
      return svg;
    }
    case "fence": {
      const colour = lit(random.chance(0.5) ? white : [112, 84, 60], light);
      let svg = box(0, 204, frame, 5, css(colour));
      for (let post = random.between(0, 20); post < frame; post += 22) svg += box(post, 192, 5, 64, css(colour));
      return svg;
    }
    case "bollards": {
      let svg = "";
      for (const step of [0, 34, 68])
        svg +=
          box(x + step - 30, 176, 9, 60, css(lit([70, 72, 78], light))) +
          box(x + step - 30, 184, 9, 6, css(lit(white, light)));
      return svg;
    }
    case "walker": {
      const [coat, trousers] = [lit(paint(random), light), lit([52, 56, 72], light)];
      const limb = (from: [number, number], to: [number, number], width: number, colour: Colour) =>
        `<path d="M${n(from[0])} ${from[1]}L${n(to[0])} ${to[1]}" stroke="${css(colour)}" stroke-width="${width}" stroke-linecap="round"/>`;
      return (
        limb([x, 190], [x - 9, 238], 11, trousers) +
        limb([x, 190], [x + 9, 238], 11, lit(trousers, 1.1)) +
        limb([x, 140], [x, 186], 26, coat) +
        limb([x + 8, 142], [x + 13, 184], 9, lit(coat, 0.8)) +
        dot(x, 114, 12, lit([214, 170, 140], light), 1) +
        dot(x, 110, 12, lit([64, 46, 36], light), 1)
      );
    }
  }
}

function sign(random: Random, x: number, light: number): string {
  const colour = lit(
    random.pick<Colour>([
      [196, 34, 34],
      [36, 86, 170],
      [240, 190, 40],
      [240, 240, 240],
    ]),
    light,
  );
  if (random.chance(0.5))
    return (
      dot(x + 3.5, 40, 22, lit(white, light), 1) +
      dot(x + 3.5, 40, 19, colour, 1) +
      box(x - 8, 36, 23, 7, css(lit(white, light)))
    );
  return (
    polygon(
      [
        [x - 20, 58],
        [x + 27, 58],
        [x + 3.5, 18],
      ],
      colour,
    ) +
    polygon(
      [
        [x - 12, 54],
        [x + 19, 54],
        [x + 3.5, 27],
      ],
      lit(white, light),
    )
  );
}

/** Darkness over the whole scene; lamps are painted above it. */
export function darkness(conditions: Required<Conditions>): string {
  if (conditions.light === "dusk")
    return `<rect width="${frame}" height="${frame}" fill="rgb(60,24,70)" opacity=".2"/>`;
  if (conditions.light !== "night") return "";
  return `<rect width="${frame}" height="${frame}" fill="rgb(6,9,30)" opacity="${n(0.22 + 0.45 * conditions.severity)}"/>`;
}

export function weatherOver(random: Random, conditions: Required<Conditions>, horizon: number): string {
  const { weather, severity, light } = conditions;
  const brightness = light === "night" ? 0.45 : light === "dusk" ? 0.8 : 1;
  switch (weather) {
    case "clear":
      return "";
    case "fog": {
      const colour = css(lit([214, 219, 224], brightness));
      const stop = (offset: number, opacity: number) =>
        `<stop offset="${n(offset)}" stop-color="${colour}" stop-opacity="${n(opacity)}"/>`;
      const thick = 0.34 + 0.5 * severity;
      return `<linearGradient id="fog" x1="0" y1="0" x2="0" y2="1">${stop(0, thick)}${stop(horizon / frame, Math.min(0.92, thick + 0.08))}${stop(1, thick * 0.55)}</linearGradient>${box(0, 0, frame, frame, "url(#fog)")}`;
    }
    case "rain": {
      const slant = random.between(-0.35, 0.35);
      let streaks = "";
      for (let i = 0; i < 30 + 90 * severity; i++) {
        const [x, y, length] = [random.next() * frame, random.next() * frame, random.between(10, 26)];
        streaks += `M${n(x)} ${n(y)}l${n(slant * length)} ${n(length)}`;
      }
      return `${`<rect width="${frame}" height="${frame}" fill="${css(mix([108, 122, 140], black, 1 - brightness))}" opacity="${n(0.14 + 0.2 * severity)}"/>`}<path d="${streaks}" stroke="${css(lit(white, brightness + 0.1))}" stroke-width="1.3" stroke-linecap="round" opacity=".5"/>`;
    }
    case "snow": {
      let svg = `<rect width="${frame}" height="${frame}" fill="${css(lit([226, 232, 240], brightness))}" opacity="${n(0.12 + 0.2 * severity)}"/>`;
      for (let i = 0; i < 30 + 110 * severity; i++)
        svg += dot(
          random.next() * frame,
          random.next() * frame,
          random.between(0.9, 3.4),
          lit(white, brightness + 0.15),
          random.between(0.55, 0.95),
        );
      return svg;
    }
  }
}
