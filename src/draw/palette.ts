/** Okabe and Ito's colours: told apart by every common kind of colour vision. In the order in which classes take them. */
export const classColours = [
  "#0072B2",
  "#D55E00",
  "#009E73",
  "#CC79A7",
  "#E69F00",
  "#56B4E9",
  "#5B4FA2",
  "#6B6B6B",
] as const;
/** A shape beside every colour, for prints and eyes without colours. */
export const classShapes = [
  "circle",
  "square",
  "triangle-up",
  "diamond",
  "cross",
  "triangle-down",
  "triangle-right",
  "triangle-left",
] as const;

export const ink = "#1F2933";
export const mutedInk = "#5F6C7B";
export const faintInk = "#E4E8ED";
export const paper = "#FFFFFF";
export const warning = "#B3124A";

export const fontFamily = "DejaVu Sans";
