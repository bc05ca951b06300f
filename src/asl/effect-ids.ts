import type { Frame } from "./kernel-state.ts";

/*
 * The id of an effect is the path of its frame, the state and a count of what the frame has started: `Map:1#17/Classify:2`.
 * Names are escaped, so the separators / # : ! mean what they say and ids of different places never meet.
 */

/** The id of what this frame starts next. */
export function effectIdOf(frame: Frame): string {
  frame.started++;
  const name = frame.state.replace(/[%/#:!]/g, encodeURIComponent).replaceAll("!", "%21");
  return `${frame.id === "" ? "" : `${frame.id}/`}${name}:${frame.started}`;
}

export function frameIdOf(effectId: string): string {
  return effectId.slice(0, Math.max(0, effectId.lastIndexOf("/")));
}
