// Runs the compiled tests that lie beside the code, in dist/ (or the folder given).
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { globSync } from "./glob.mjs";

const outDir = process.argv[2] ?? "dist";
const files = globSync(outDir, ".test.js");
if (files.length === 0) {
  console.error(`no tests under ${outDir}: build first`);
  process.exit(1);
}
const result = spawnSync(
  process.execPath,
  [
    ...["--enable-source-maps", "--test", "--test-reporter=dot", "--test-reporter-destination=stdout"],
    `--test-concurrency=${availableParallelism()}`, // Node leaves one core idle.
    ...files,
  ],
  { stdio: "inherit" },
);
process.exit(result.status ?? 1);
