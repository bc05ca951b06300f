import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Where a program of the system lies, by PATH and in the usual folders. */
export function findProgram(name: string, searchPath: string): string | undefined {
  const folders = [...searchPath.split(delimiter), "/usr/bin", "/bin", "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
