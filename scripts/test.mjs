// `npm test`: installs, builds, and runs everything: types, lint, dead code, unit tests, then the product as its users meet it.
import { setUp, step } from "./setup.mjs";

setUp();
step("checking", process.execPath, ["scripts/check.mjs"]);
step("compiling the product tests", process.execPath, ["node_modules/typescript/bin/tsc", "-p", "test"]);
const { globSync } = await import("./glob.mjs");
const files = globSync("dist-test", ".test.js");
step("running the product tests", process.execPath, [
  "--enable-source-maps",
  "--test",
  "--test-concurrency=2",
  ...files,
]);
