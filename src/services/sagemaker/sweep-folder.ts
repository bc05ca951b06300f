import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * Deletes what lies in `folder` and is not among `wanted`: what a killed server left behind. What to delete is settled before
 * the call returns its promise, so nothing that is made meanwhile is touched.
 */
export function sweepFolder(folder: string, wanted: ReadonlySet<string>): Promise<void> {
  const unwanted = existsSync(folder) ? readdirSync(folder).filter((name) => !wanted.has(name)) : [];
  return deleteAll(unwanted.map((name) => join(folder, name)));
}

async function deleteAll(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { recursive: true, force: true });
}
