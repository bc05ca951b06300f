import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { projectFolder, runProgram } from "./server.ts";

test("COMPATIBILITY.md says what the tables of operations say", async () => {
  const script = join(projectFolder, "scripts", "compatibility.mjs");
  const checked = await runProgram(process.execPath, [script, "--check"], { cwd: projectFolder });
  assert.equal(checked.exitCode, 0, checked.stderr);
  assert.match(checked.stdout, /tables of 13 services/);
});
