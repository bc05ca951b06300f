import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface CodeVersion {
  scones: string;
  /** Of this room's programs: tells two builds of one version apart. */
  codeSha256: string;
}

/** Which program trains. */
export function codeVersion(): CodeVersion {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const digest = createHash("sha256");
  const programs = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (name) => /\.(js|ts)$/.test(name) && !/\.test\.|\btesting\b/.test(name),
  );
  for (const name of programs.sort()) digest.update(name).update(readFileSync(join(folder, name)));
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return { scones: manifest.version, codeSha256: digest.digest("hex") };
}
