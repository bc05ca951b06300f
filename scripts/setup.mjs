// Makes a clone ready to run: installs what package-lock.json names and compiles, each only when something changed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const minimumNode = [20, 19];

/** Installs and builds; everything it prints goes to stderr. Ends the process with a clear sentence when it cannot. */
export function setUp() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < minimumNode[0] || (major === minimumNode[0] && minor < minimumNode[1])) {
    fail(`Scones needs Node ${minimumNode.join(".")} or newer; this is ${process.versions.node}`);
  }
  const lockDigest = digest(readFileSync("package-lock.json"));
  if (
    !existsSync("node_modules/.scones-installed") ||
    readFileSync("node_modules/.scones-installed", "utf8") !== lockDigest
  ) {
    step("installing packages", "npm", ["ci", "--loglevel=error", "--no-fund", "--no-audit"]);
    writeFileSync("node_modules/.scones-installed", lockDigest);
  }
  const sourceStamp = digest(stampOf(["src", "scripts/build.mjs", "tsconfig.json"]));
  if (!existsSync("dist/.stamp") || readFileSync("dist/.stamp", "utf8") !== sourceStamp) {
    step("building", process.execPath, ["scripts/build.mjs"]);
    writeFileSync("dist/.stamp", sourceStamp);
  }
}

/** Runs a command with its output on stderr; a failure ends the process. */
export function step(name, command, args, options = {}) {
  const startedAt = Date.now();
  process.stderr.write(`scones: ${name} ...\n`);
  const result = spawnSync(command, args, { stdio: ["ignore", process.stderr, process.stderr], ...options });
  if (result.error) fail(`${name} failed: ${result.error.message}`);
  if (result.status !== 0)
    fail(`${name} failed: ${command} ${args.join(" ")} ended with ${result.status ?? result.signal}`);
  process.stderr.write(`scones: ${name} took ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`);
}

function fail(message) {
  process.stderr.write(`scones: ${message}\n`);
  process.exit(1);
}

function digest(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

// Names, sizes and times of all source files: enough to notice a change, cheap enough for every start.
function stampOf(paths) {
  return paths
    .flatMap((path) =>
      statSync(path).isDirectory() ? readdirSync(path, { recursive: true }).map((name) => join(path, name)) : [path],
    )
    .sort()
    .map((path) => statSync(path, { throwIfNoEntry: false }))
    .map((stats) => (stats?.isFile() ? `${stats.size} ${stats.mtimeMs}` : ""))
    .join("\n");
}
