import { type ProcessGroup, type ProcessGroupOptions, startProcessGroup } from "../../serve/process-group.ts";

/** Below the priority of what serves. */
const niceness = 5;

export function startTraining(options: Omit<ProcessGroupOptions, "niceness">): ProcessGroup {
  return startProcessGroup({ ...options, niceness });
}
