import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { mlPlaces } from "./ml-place.ts";

const path = { PATH: "/usr/local/bin:/usr/bin:/bin" };
const tries = "unshare --mount true || unshare --user --map-root-user --mount true";
const mounts = spawnSync("/bin/sh", ["-c", tries], { env: path }).status === 0;
const mountsAreRefused = !mounts && "this machine allows no mounts of one's own";

test("a program finds its job's folder at /opt/ml, and nobody else does", { skip: mountsAreRefused }, async () => {
  const { directory, folder } = jobFolder();
  const place = await mlPlaces(join(directory, "probe"), () => path)(join(folder, "ml"));
  const { command, args } = place.wrap({
    command: "/bin/sh",
    args: ["-c", "echo written > /opt/ml/processing/file; ls /opt"],
  });
  const said = execFileSync(command, args, { env: path }).toString().split("\n");
  assert.equal(readFileSync(join(folder, "ml", "processing", "file"), "utf8"), "written\n");
  assert.ok(!existsSync("/opt/ml/processing/file"));
  assert.equal(place.inPlace("/opt/ml/processing/x"), "/opt/ml/processing/x");
  assert.ok(said.includes("ml"));
  rmSync(directory, { recursive: true });
});

test("where no mounts can be made, paths are told as they are", async () => {
  const { directory, folder } = jobFolder();
  const place = await mlPlaces(join(directory, "probe"), () => ({ PATH: directory }))(join(folder, "ml"));
  const program = { command: "cat", args: [] };
  assert.equal(place.inPlace("--data=/opt/ml/processing/x"), `--data=${folder}/ml/processing/x`);
  assert.equal(place.wrap(program), program);
  assert.deepEqual(readdirSync(directory), ["job"]);
  rmSync(directory, { recursive: true });
});

function jobFolder(): { directory: string; folder: string } {
  const directory = mkdtempSync(join(tmpdir(), "ml-place-"));
  const folder = join(directory, "job");
  mkdirSync(join(folder, "ml", "processing"), { recursive: true });
  return { directory, folder };
}
