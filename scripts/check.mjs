// The inner loop: types, lint and format, dead code, then every test that lies beside the code (room rules among them).
import { spawnSync } from "node:child_process";

const steps = [
  ["types", "node", ["scripts/build.mjs"]],
  ["lint and format", "npx", ["--no-install", "biome", "check", "--error-on-warnings", "."]],
  ["dead code", "npx", ["--no-install", "knip"]],
  ["unit tests", "node", ["scripts/unit-tests.mjs"]],
];
for (const [name, command, args] of steps) {
  const startedAt = Date.now();
  const result = spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"] });
  if (result.status !== 0) {
    console.error(`check: ${name} failed`);
    process.exit(1);
  }
  console.error(`check: ${name} passed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}
