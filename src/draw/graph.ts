import { fitted, textWidth } from "./font.ts";
import {
  detailSize,
  frameHeader,
  iconRoom,
  labelSize,
  nameSize,
  type PlacedBox,
  type PlacedEdge,
  placeGraph,
} from "./graph-layout.ts";
import { graphModel } from "./graph-model.ts";
import {
  type ExecutionEvent,
  type ExecutionOutcome,
  executionOutcome,
  type Outcome,
  type StateOutcome,
  transition,
} from "./graph-outcome.ts";
import { outcomeIcon, typeIcon } from "./icons.ts";
import { fontFamily, ink, mutedInk, paper } from "./palette.ts";
import { escaped, num } from "./svg.ts";

export interface GraphOptions {
  /** GetExecutionHistory's events: states are then coloured by what became of them. */
  history?: readonly ExecutionEvent[];
  title?: string;
  /** A line below the title, such as the execution's name and status. */
  subtitle?: string;
}

/** Fill, border and name of every outcome; icons carry the same meaning without colour. */
const outcomeLooks: Record<Outcome, { fill: string; border: string; label: string }> = {
  succeeded: { fill: "#E2F4E9", border: "#1B7F4B", label: "Succeeded" },
  failed: { fill: "#FBE4E1", border: "#BF2A1F", label: "Failed" },
  caught: { fill: "#FDF0D2", border: "#A86A0B", label: "Caught error" },
  running: { fill: "#E1EDFC", border: "#1961C4", label: "Running" },
  aborted: { fill: "#E9ECF0", border: "#66707D", label: "Aborted" },
  notReached: { fill: "#FFFFFF", border: "#B4BEC9", label: "Not reached" },
};
const plain = { fill: "#FFFFFF", border: "#3E4C59" };

/** A workflow, and optionally one execution of it, as a picture. The same input gives the same bytes. */
export async function graphSvg(definition: unknown, { history, title, subtitle }: GraphOptions = {}): Promise<string> {
  const placed = await placeGraph(graphModel(definition));
  const execution = history && executionOutcome(history);
  const header = title === undefined ? 0 : subtitle === undefined ? 44 : 62;
  const legend = execution ? legendSvg(placed.width) : { svg: "", height: 0, width: 0 };
  const titleWidth = Math.max(textWidth(title ?? "", 17, "bold"), textWidth(subtitle ?? "", 12)) + 48;
  const width = Math.max(placed.width, Math.min(titleWidth, 900), legend.width);
  const height = header + placed.height + legend.height;
  const left = (width - placed.width) / 2;
  const frames = placed.boxes.filter((box) => box.kind === "frame" || box.kind === "branch");
  const nodes = placed.boxes.filter((box) => box.kind !== "frame" && box.kind !== "branch");
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${num(width)}" height="${num(height)}" viewBox="0 0 ${num(width)} ${num(height)}" font-family="${fontFamily}, sans-serif" role="img"${title === undefined ? "" : ` aria-label="${escaped(title)}"`}>`,
    `<rect width="100%" height="100%" rx="10" fill="${paper}"/>`,
    markers(),
    title === undefined
      ? ""
      : `<text x="24" y="32" font-size="17" font-weight="bold" fill="${ink}">${escaped(fitted(title, width - 48, { size: 17, style: "bold" }))}</text>`,
    title === undefined || subtitle === undefined
      ? ""
      : `<text x="24" y="52" font-size="12" fill="${mutedInk}">${escaped(fitted(subtitle, width - 48, { size: 12 }))}</text>`,
    `<g transform="translate(${num(left)} ${num(header)})">`,
    ...frames.map((box) => boxSvg(box, execution)),
    ...placed.edges
      .toSorted((a, b) => Number(isTaken(a, execution)) - Number(isTaken(b, execution)))
      .map((edge) => edgeSvg(edge, execution)),
    ...nodes.map((box) => boxSvg(box, execution)),
    ...placed.edges.map(edgeLabelSvg),
    "</g>",
    legend.height > 0 ? `<g transform="translate(24 ${num(header + placed.height)})">${legend.svg}</g>` : "",
    "</svg>",
  ]
    .filter((part) => part !== "")
    .join("\n")}\n`;
}

const inkOfEdges = "#8894A2";
const inkOfCatch = "#B7791F";

function markers(): string {
  const arrow = (id: string, colour: string) =>
    `<marker id="${id}" viewBox="0 0 10 10" refX="8.5" refY="5" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0.5 0.8L9 5L0.5 9.2L2.6 5Z" fill="${colour}"/></marker>`;
  return `<defs>${arrow("arrow", inkOfEdges)}${arrow("arrow-taken", ink)}${arrow("arrow-catch", inkOfCatch)}</defs>`;
}

function isTaken(edge: PlacedEdge, execution: ExecutionOutcome | undefined): boolean {
  return execution?.transitions.has(transition(edge.from, edge.to)) ?? false;
}

function boxSvg(box: PlacedBox, execution: ExecutionOutcome | undefined): string {
  if (box.kind === "start" || box.kind === "end") return pillSvg(box);
  if (box.kind === "branch") {
    return `<rect x="${num(box.x)}" y="${num(box.y)}" width="${num(box.width)}" height="${num(box.height)}" rx="8" fill="#FFFFFF" fill-opacity=".75" stroke="#CBD3DC" stroke-dasharray="4 3"/>`;
  }
  const state = box.state as NonNullable<PlacedBox["state"]>;
  const visit = execution?.states.get(state.name);
  const outcome = visit?.outcome ?? "notReached";
  // What an execution of its own did is not in this history.
  const isTold = execution !== undefined && !state.runsElsewhere;
  const look = isTold ? outcomeLooks[outcome] : plain;
  const isFrame = box.kind === "frame";
  const isRaised = execution !== undefined && outcome !== "notReached";
  const parts = [
    `<rect x="${num(box.x)}" y="${num(box.y)}" width="${num(box.width)}" height="${num(box.height)}" rx="9" fill="${isFrame ? "#F5F7FA" : look.fill}" stroke="${look.border}" stroke-width="${isRaised ? 2 : 1.4}"/>`,
  ];
  const right = box.x + box.width;
  if (isFrame) {
    parts.push(
      `<path d="M${num(box.x)} ${num(box.y + frameHeader)}V${num(box.y + 9)}a9 9 0 0 1 9 -9H${num(right - 9)}a9 9 0 0 1 9 9V${num(box.y + frameHeader)}Z" fill="${look.fill}" stroke="${look.border}" stroke-width="${isRaised ? 2 : 1.4}"/>`,
    );
  }
  const room = box.width - 2 * iconRoom - 8;
  const [name, detail] = [
    fitted(state.name, room, { size: nameSize, style: "bold" }),
    fitted(state.detail, room, { size: detailSize }),
  ];
  const top = box.y + (isFrame ? 15 : 21);
  parts.push(
    typeIcon(state.type, {
      x: box.x + 17,
      y: box.y + (isFrame ? frameHeader / 2 : box.height / 2),
      colour: look.border,
    }),
    `<text x="${num(box.x + iconRoom + 4)}" y="${num(top)}" font-size="${nameSize}" font-weight="bold" fill="${ink}">${escaped(name)}</text>`,
    `<text x="${num(box.x + iconRoom + 4)}" y="${num(top + (isFrame ? 14 : 16))}" font-size="${detailSize}" fill="${mutedInk}">${escaped(detail)}</text>`,
  );
  if (execution && outcome !== "notReached")
    parts.push(
      outcomeIcon(outcome, { x: right - 17, y: box.y + (isFrame ? frameHeader / 2 : 17), colour: look.border }),
    );
  if (visit)
    parts.push(
      visitSvg(visit, { x: right - 12, y: box.y + (isFrame ? frameHeader : box.height), colour: look.border }),
    );
  const description = `${state.name}, ${state.detail}${isTold ? `: ${outcomeLooks[outcome].label}` : ""}`;
  return `<g data-state="${escaped(state.name)}" data-type="${escaped(state.type)}"${isTold ? ` data-outcome="${outcome}"` : ""}><title>${escaped(description)}</title>${parts.join("")}</g>`;
}

/** How often a loop or Map came by and what had to be retried, as a badge on the lower border. */
function visitSvg(visit: StateOutcome, { x, y, colour }: { x: number; y: number; colour: string }): string {
  const words = [
    ...(visit.times > 1 ? [`×${visit.times}`] : []),
    ...(visit.retries > 0 ? [`${visit.retries} ${visit.retries === 1 ? "retry" : "retries"}`] : []),
  ];
  if (words.length === 0) return "";
  const text = words.join(" · ");
  const width = textWidth(text, 10) + 12;
  return `<rect x="${num(x - width)}" y="${num(y - 7.5)}" width="${num(width)}" height="15" rx="7.5" fill="#FFFFFF" stroke="${colour}"/><text x="${num(x - width / 2)}" y="${num(y + 3.5)}" font-size="10" text-anchor="middle" fill="${ink}">${text}</text>`;
}

function pillSvg(box: PlacedBox): string {
  const text = box.kind === "start" ? "Start" : "End";
  return `<g><rect x="${num(box.x)}" y="${num(box.y)}" width="${num(box.width)}" height="${num(box.height)}" rx="${num(box.height / 2)}" fill="#3E4C59"/><text x="${num(box.x + box.width / 2)}" y="${num(box.y + box.height / 2 + 4)}" font-size="11.5" font-weight="bold" text-anchor="middle" fill="#FFFFFF">${text}</text></g>`;
}

function edgeSvg(edge: PlacedEdge, execution: ExecutionOutcome | undefined): string {
  const taken = isTaken(edge, execution);
  const isCatch = edge.kind === "catch";
  const marker = isCatch ? "arrow-catch" : taken ? "arrow-taken" : "arrow";
  const colour = isCatch ? inkOfCatch : taken ? ink : inkOfEdges;
  const dash = isCatch ? ' stroke-dasharray="6 4"' : "";
  return `<path d="${roundedPath(edge.points)}" fill="none" stroke="${colour}" stroke-width="${taken ? 2 : 1.4}"${dash} marker-end="url(#${marker})"/>`;
}

function edgeLabelSvg(edge: PlacedEdge): string {
  if (!edge.label) return "";
  const { text, x, y, width, height } = edge.label;
  return `<g><rect x="${num(x)}" y="${num(y)}" width="${num(width)}" height="${num(height)}" rx="4" fill="#FFFFFF" fill-opacity=".9"/><text x="${num(x + width / 2)}" y="${num(y + height / 2 + 3.7)}" font-size="${labelSize}" text-anchor="middle" fill="${edge.kind === "catch" ? "#8A5A10" : mutedInk}">${escaped(text)}</text></g>`;
}

/** Right-angled lines with soft corners. */
function roundedPath(points: readonly { x: number; y: number }[]): string {
  const first = points[0] as { x: number; y: number };
  let path = `M${num(first.x)} ${num(first.y)}`;
  for (let i = 1; i < points.length; i++) {
    const [before, here, after] = [
      points[i - 1] as { x: number; y: number },
      points[i] as { x: number; y: number },
      points[i + 1],
    ];
    if (!after) return `${path}L${num(here.x)} ${num(here.y)}`;
    const radius = Math.min(7, distance(before, here) / 2, distance(here, after) / 2);
    const [enter, leave] = [along(here, before, radius), along(here, after, radius)];
    path += `L${num(enter.x)} ${num(enter.y)}Q${num(here.x)} ${num(here.y)} ${num(leave.x)} ${num(leave.y)}`;
  }
  return path;
}

function distance(a: { x: number; y: number }, b: { x: number; y: number }): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function along(from: { x: number; y: number }, to: { x: number; y: number }, length: number): { x: number; y: number } {
  const share = length / (distance(from, to) || 1);
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

function legendSvg(width: number): { svg: string; height: number; width: number } {
  const entries = Object.entries(outcomeLooks) as [Outcome, (typeof outcomeLooks)[Outcome]][];
  const room = Math.max(width, 460) - 48;
  let [x, y, widest] = [0, 14, 0];
  const parts = entries.map(([outcome, look]) => {
    const own = textWidth(look.label, 11) + 46;
    if (x > 0 && x + own > room) [x, y] = [0, y + 26];
    const svg = `<rect x="${num(x)}" y="${num(y - 9)}" width="20" height="18" rx="4" fill="${look.fill}" stroke="${look.border}" stroke-width="1.4"/>${outcome === "notReached" ? "" : outcomeIcon(outcome, { x: x + 10, y, colour: look.border, scale: 0.72 })}<text x="${num(x + 27)}" y="${num(y + 4)}" font-size="11" fill="${mutedInk}">${look.label}</text>`;
    x += own;
    widest = Math.max(widest, x);
    return svg;
  });
  return { svg: parts.join(""), height: y + 26, width: widest + 48 };
}
