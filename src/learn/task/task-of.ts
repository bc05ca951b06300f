import { multiLabel } from "./multi-label.ts";
import { oneLabel } from "./one-label.ts";
import type { MultiLabel, Task } from "./task.ts";

/** The task that is described by plain data: `multiLabel` is absent where every picture has one label. */
export function taskOf(classes: number, given: MultiLabel | undefined): Task {
  return given === undefined ? oneLabel(classes) : multiLabel(classes, given);
}
