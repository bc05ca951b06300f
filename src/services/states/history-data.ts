import type { Json } from "../../kit/json.ts";

/** Members of an event's details that hold what flowed through the execution. */
export const dataMembers: ReadonlySet<string> = new Set([
  "input",
  "output",
  "parameters",
  "taskCredentials",
  "assignedVariables",
]);

/** For those who do not want, or may not see, execution data. */
export function withoutData(details: { [name: string]: Json }): { [name: string]: Json } {
  return Object.fromEntries(Object.entries(details).filter(([name]) => !dataMembers.has(name)));
}
