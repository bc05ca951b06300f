import { black, type Colour, mix, paint } from "./colour.ts";
import type { Random } from "./random.ts";
import type { Point, Stage } from "./space.ts";

export interface RiderPose {
  hip: Point;
  /** 0 sits upright, 1 lies over the tank. */
  lean: number;
  /** The near hand; the far one is its mirror image. */
  hand: Point;
  /** Near foot, far foot. */
  feet: readonly [Point, Point];
  hipWidth: number;
  isHelmeted: boolean;
}

/** A person on the saddle, in two layers: what is behind the machine and what is before it. */
export function rider(stage: Stage, random: Random, pose: RiderPose): { far(): void; near(): void } {
  const skin = random.pick<Colour>([
    [238, 200, 172],
    [224, 178, 146],
    [190, 138, 102],
    [140, 96, 66],
    [96, 64, 46],
  ]);
  const shirt = paint(random);
  const trousers = random.pick<Colour>([
    [46, 54, 76],
    [36, 38, 44],
    [88, 92, 100],
    [122, 104, 80],
    [58, 78, 112],
  ]);
  const shoes = random.chance(0.5) ? black : paint(random);
  const helmet = paint(random);
  const hair = random.pick<Colour>([
    [40, 28, 22],
    [84, 56, 34],
    [150, 110, 62],
    [70, 70, 74],
  ]);
  const sleeve = random.chance(0.5) ? shirt : skin;
  const torso = 0.5;
  const angle = pose.lean * 0.95;
  const shoulder: Point = [pose.hip[0] + torso * Math.sin(angle), pose.hip[1] + torso * Math.cos(angle), 0];
  const headAt: Point = [shoulder[0] + 0.1 * Math.sin(angle) + 0.05, shoulder[1] + 0.2 - 0.04 * pose.lean, 0];
  const limb = (sign: 1 | -1) => {
    const foot = pose.feet[sign === 1 ? 0 : 1];
    const hip: Point = [pose.hip[0], pose.hip[1], pose.hipWidth * sign];
    const ankle: Point = [foot[0] - 0.03, foot[1] + 0.07, (pose.hipWidth + 0.02) * sign];
    const knee = bend(hip, ankle, 0.42, 1);
    stage.tube([hip, knee, ankle], 0.13, trousers, { isMatt: true });
    stage.tube(
      [
        [ankle[0] - 0.03, ankle[1] - 0.03, ankle[2]],
        [ankle[0] + 0.13, ankle[1] - 0.05, ankle[2]],
      ],
      0.085,
      shoes,
      { isMatt: true },
    );
  };
  const arm = (sign: 1 | -1) => {
    const from: Point = [shoulder[0], shoulder[1] - 0.03, 0.17 * sign];
    const hand: Point = [pose.hand[0], pose.hand[1], pose.hand[2] * sign];
    const elbow = bend(from, hand, 0.31, -1);
    stage.tube([from, elbow], 0.1, shirt, { isMatt: true });
    stage.tube([elbow, hand], 0.08, sleeve, { isMatt: true });
    stage.ball(hand, 0.045, skin);
  };
  return {
    far() {
      limb(-1);
      arm(-1);
    },
    near() {
      stage.tube(
        [
          [pose.hip[0], pose.hip[1], 0],
          [shoulder[0] - 0.02, shoulder[1] - 0.04, 0],
        ],
        0.27,
        shirt,
        { isMatt: true },
      );
      if (random.chance(0.25))
        stage.tube(
          [
            [pose.hip[0] - 0.1, pose.hip[1] + 0.18, 0.02],
            [shoulder[0] - 0.16, shoulder[1] - 0.06, 0.02],
          ],
          0.17,
          mix(shirt, black, 0.55),
          { isMatt: true },
        );
      stage.tube(
        [
          [shoulder[0], shoulder[1], 0],
          [headAt[0] - 0.02, headAt[1] - 0.05, 0],
        ],
        0.09,
        skin,
        { isMatt: true },
      );
      stage.ball(headAt, 0.115, skin);
      if (pose.isHelmeted) {
        stage.ball([headAt[0] - 0.02, headAt[1] + 0.04, 0], 0.125, helmet);
        stage.tube(
          [
            [headAt[0] - 0.11, headAt[1] + 0.02, 0.06],
            [headAt[0] + 0.1, headAt[1] + 0.02, 0.06],
          ],
          0.03,
          mix(helmet, black, 0.6),
        );
      } else stage.ball([headAt[0] - 0.035, headAt[1] + 0.035, 0], 0.11, hair);
      limb(1);
      arm(1);
    },
  };
}

// The joint of two bones of equal length between two points; a limb that is too short is simply straight.
function bend(from: Point, to: Point, bone: number, side: 1 | -1): Point {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const distance = Math.hypot(dx, dy) || 1;
  const out = Math.sqrt(Math.max(0, bone * bone - (distance / 2) ** 2)) * side;
  return [
    (from[0] + to[0]) / 2 - (dy / distance) * out,
    (from[1] + to[1]) / 2 + (dx / distance) * out,
    (from[2] + to[2]) / 2,
  ];
}
