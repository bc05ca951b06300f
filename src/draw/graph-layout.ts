import type { ElkExtendedEdge, ElkNode } from "elkjs/lib/elk-api.js";
import { fitted, textWidth } from "./font.ts";
import type { GraphEdge, GraphLevel, GraphState } from "./graph-model.ts";

/*
 * Where everything goes: elkjs' layered layout, all coordinates measured from the upper left of the picture.
 * Text is measured with the font that draws it, the longer of two lines decides the width of a box.
 */
export interface Placed {
  width: number;
  height: number;
  boxes: PlacedBox[];
  edges: PlacedEdge[];
}

export interface PlacedBox {
  kind: "state" | "frame" | "branch" | "start" | "end";
  x: number;
  y: number;
  width: number;
  height: number;
  state?: GraphState;
}

export interface PlacedEdge {
  kind: GraphEdge["kind"] | "start";
  from: string;
  to: string;
  points: { x: number; y: number }[];
  label?: { text: string; x: number; y: number; width: number; height: number };
}

export const nameSize = 13;
export const detailSize = 11;
export const labelSize = 10.5;
/** Room for the icon of the type at the left and of the outcome at the right. */
export const iconRoom = 30;
export const frameHeader = 36;
const widest = 340;
const longestLabel = 210;

const options = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.json.edgeCoords": "ROOT",
  "elk.json.shapeCoords": "ROOT",
  "elk.layered.spacing.nodeNodeBetweenLayers": "36",
  "elk.layered.spacing.edgeNodeBetweenLayers": "16",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "12",
  "elk.spacing.nodeNode": "28",
  "elk.spacing.edgeNode": "18",
  "elk.spacing.edgeEdge": "14",
  "elk.spacing.edgeLabel": "5",
};

interface Details {
  box: Omit<PlacedBox, "x" | "y" | "width" | "height">;
}

export async function placeGraph(root: GraphLevel): Promise<Placed> {
  const { default: library } = await import("elkjs/lib/elk.bundled.js");
  const boxes = new Map<string, Details>();
  const edges = new Map<string, Omit<PlacedEdge, "points">>();
  const graph = levelNode(root, boxes, edges);
  // elkjs is CommonJS with both a default and a namespace shape, depending on who loads it.
  const Elk = (library as unknown as { default?: typeof library }).default ?? library;
  const placed = await new (Elk as unknown as new () => { layout(graph: ElkNode): Promise<ElkNode> })().layout({
    ...graph,
    id: "picture",
    layoutOptions: { ...options, "elk.padding": padding(20, 24) },
  });
  const result: Placed = { width: placed.width ?? 0, height: placed.height ?? 0, boxes: [], edges: [] };
  collect(placed, result, boxes, edges);
  return result;
}

function levelNode(
  level: GraphLevel,
  boxes: Map<string, Details>,
  edges: Map<string, Omit<PlacedEdge, "points">>,
): ElkNode {
  const [start, end] = [`${level.id}|start`, `${level.id}|end`];
  const idOf = (name: string) => `${level.id}/${name}`;
  boxes.set(start, { box: { kind: "start" } });
  boxes.set(end, { box: { kind: "end" } });
  const children: ElkNode[] = [
    { id: start, width: 62, height: 26 },
    ...level.states.map((state) => stateNode(state, idOf(state.name), boxes, edges)),
    { id: end, width: 62, height: 26 },
  ];
  const arrows: ElkExtendedEdge[] = [];
  const connect = (source: string, target: string, edge: Omit<PlacedEdge, "points" | "label">, text?: string) => {
    const id = `${level.id}|edge${arrows.length}`;
    const label = text === undefined ? undefined : fitted(text, longestLabel, { size: labelSize });
    edges.set(id, { ...edge, ...(label !== undefined && { label: { text: label, x: 0, y: 0, width: 0, height: 0 } }) });
    const labels =
      label === undefined
        ? []
        : [
            {
              text: label,
              width: textWidth(label, labelSize) + 10,
              height: 17,
              layoutOptions: { "elk.edgeLabels.placement": "CENTER" },
            },
          ];
    arrows.push({ id, sources: [source], targets: [target], labels });
  };
  if (level.states.some((state) => state.name === level.startAt))
    connect(start, idOf(level.startAt), { kind: "start", from: "Start", to: level.startAt });
  for (const edge of level.edges) {
    connect(
      idOf(edge.from),
      edge.to === undefined ? end : idOf(edge.to),
      { kind: edge.kind, from: edge.from, to: edge.to ?? "End" },
      edge.label,
    );
  }
  return { id: level.id, children, edges: arrows };
}

function stateNode(
  state: GraphState,
  id: string,
  boxes: Map<string, Details>,
  edges: Map<string, Omit<PlacedEdge, "points">>,
): ElkNode {
  const widthOfText = Math.max(textWidth(state.name, nameSize, "bold"), textWidth(state.detail, detailSize));
  const width = Math.min(widest, Math.max(150, Math.ceil(widthOfText) + 2 * iconRoom + 12));
  boxes.set(id, { box: { kind: state.children.length > 0 ? "frame" : "state", state } });
  if (state.children.length === 0) return { id, width, height: 48 };
  const minimum = { "elk.nodeSize.constraints": "MINIMUM_SIZE", "elk.nodeSize.minimum": `(${width}, 60)` };
  if (state.children.length === 1) {
    const inner = levelNode(state.children[0] as GraphLevel, boxes, edges);
    return {
      ...inner,
      id,
      layoutOptions: { ...options, ...minimum, "elk.padding": padding(frameHeader + 14, 18) },
    };
  }
  const branches = state.children.map((child) => {
    boxes.set(child.id, { box: { kind: "branch" } });
    return { ...levelNode(child, boxes, edges), layoutOptions: { ...options, "elk.padding": padding(14, 14) } };
  });
  return {
    id,
    children: branches,
    layoutOptions: { ...options, ...minimum, "elk.padding": padding(frameHeader + 12, 16) },
  };
}

function collect(
  node: ElkNode,
  result: Placed,
  boxes: Map<string, Details>,
  edges: Map<string, Omit<PlacedEdge, "points">>,
): void {
  const details = boxes.get(node.id);
  const { x = 0, y = 0, width = 0, height = 0 } = node;
  // Frames come before what they hold, so that they are painted first.
  if (details) result.boxes.push({ ...details.box, x, y, width, height });
  for (const edge of node.edges ?? []) {
    const known = edges.get(edge.id);
    const points = (edge.sections ?? []).flatMap((section) => [
      section.startPoint,
      ...(section.bendPoints ?? []),
      section.endPoint,
    ]);
    if (!known || points.length === 0) continue;
    const label = edge.labels?.[0];
    result.edges.push({
      ...known,
      points,
      ...(known.label &&
        label && {
          label: {
            text: known.label.text,
            x: label.x ?? 0,
            y: label.y ?? 0,
            width: label.width ?? 0,
            height: label.height ?? 0,
          },
        }),
    });
  }
  for (const child of node.children ?? []) collect(child, result, boxes, edges);
}

function padding(top: number, side: number): string {
  return `[top=${top},left=${side},bottom=${side},right=${side}]`;
}
