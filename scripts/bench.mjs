// `npm run bench:NAME`: builds, then runs bench/NAME.ts. Arguments go to it, such as --json.
import { spawnSync } from "node:child_process";
import { setUp, step } from "./setup.mjs";

const [name, ...rest] = process.argv.slice(2);
setUp();
step("compiling the benchmarks", process.execPath, ["node_modules/typescript/bin/tsc", "-p", "bench"]);
const result = spawnSync(process.execPath, [`dist-bench/bench/${name}.js`, ...rest], { stdio: "inherit" });
process.exit(result.status ?? 1);
