import type { Outcome } from "./graph-outcome.ts";
import { num } from "./svg.ts";

interface Place {
  x: number;
  y: number;
  colour: string;
  scale?: number;
}

// Strokes in a square of 16, around its middle.
const outcomes: Record<Outcome, string> = {
  succeeded: "M-4 0.5L-1.2 3.4L4.4 -3.2",
  failed: "M-3.4 -3.4L3.4 3.4M3.4 -3.4L-3.4 3.4",
  caught: "M0 -4.2V0.8M0 3.6V3.7",
  running: "M0 -3.8V0L2.8 1.9",
  aborted: "M-3.4 0H3.4",
  notReached: "",
};

const types: Record<string, string> = {
  Task: "M-6 -6H6V6H-6ZM-2.4 -3.2C0.4 -3.2 0 3.4 2.8 3.4M0 -0.4L-2.8 3.4",
  Choice: "M0 -7L7 0L0 7L-7 0ZM0 -2.6V0.6M0 2.8V2.9",
  Wait: "M-6.4 0a6.4 6.4 0 1 0 12.8 0a6.4 6.4 0 1 0 -12.8 0M0 -3.6V0.2L2.8 2",
  Pass: "M-6.4 0H5.6M1.8 -3.8L5.8 0L1.8 3.8",
  Map: "M-6.4 -2.6H2.8V6.4H-6.4ZM-3.4 -4.8H5V3.6M-0.8 -6.8H7V1.2",
  Parallel: "M-5 -6V6M0 -6V6M5 -6V6",
  Succeed: "M-6.4 0a6.4 6.4 0 1 0 12.8 0a6.4 6.4 0 1 0 -12.8 0M-2.8 0.4L-0.8 2.6L3 -2.2",
  Fail: "M-6.4 0a6.4 6.4 0 1 0 12.8 0a6.4 6.4 0 1 0 -12.8 0M-2.4 -2.4L2.4 2.4M2.4 -2.4L-2.4 2.4",
};

/** A disc in the outcome's colour with its sign in white. */
export function outcomeIcon(outcome: Outcome, { x, y, colour, scale = 1 }: Place): string {
  return `<g transform="translate(${num(x)} ${num(y)}) scale(${scale})"><circle r="8" fill="${colour}"/><path d="${outcomes[outcome]}" fill="none" stroke="#FFFFFF" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></g>`;
}

/** The sign of a state's type, such as a diamond for Choice. */
export function typeIcon(type: string, { x, y, colour }: Place): string {
  return `<path transform="translate(${num(x)} ${num(y)})" d="${types[type] ?? "M-5 -5H5V5H-5Z"}" fill="none" stroke="${colour}" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"/>`;
}
