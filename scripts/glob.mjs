import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Every file below `folder` whose name ends with `suffix`, in order. */
export function globSync(folder, suffix) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(suffix) && !name.includes("node_modules"))
    .map((name) => join(folder, name))
    .sort();
}
