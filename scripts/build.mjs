// Compiles src/ to dist/ (or to the folder given) and copies beside it what is not TypeScript: models, bootstraps, cases.
import { spawnSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { extname } from "node:path";

const outDir = process.argv[2] ?? "dist";
rmSync(outDir, { recursive: true, force: true });
const compiled = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "--outDir", outDir], {
  stdio: "inherit",
});
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
cpSync("src", outDir, { recursive: true, filter: (path) => extname(path) !== ".ts" });
