import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { allConstraints } from "./constraints.ts";
import { loadModel, type Shape, type Structure } from "./model.ts";

const root = join(import.meta.dirname, "..", "..");
const script = join(root, "scripts", "extract-models.mjs");
const names = readdirSync(join(import.meta.dirname, "models")).map((file) => file.replace(".json", ""));

test("the models are what the installed packages say", {
  skip: !existsSync(script) && "the scripts are not here",
}, () => {
  const result = spawnSync(process.execPath, [script, "--check"], { encoding: "utf8", cwd: root });
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stdout, /13 models are as committed/);
});

test("every model links, and Step Functions has all its operations", () => {
  const counts = names.map((name) => loadModel(name).operations.size);
  assert.equal(names.length, 13);
  assert.equal(loadModel("states").operations.size, 37);
  assert.ok(Math.min(...counts) >= 3);
});

test("every constraint belongs to a member that is in the models", () => {
  const rows = allConstraints();
  assert.ok(rows.length > 60);
  const strange = rows
    .filter(([service, key]) => !memberKeys(service).has(key))
    .map(([service, key]) => `${service} ${key}`);
  assert.deepEqual(strange, []);
});

function memberKeys(service: string): Set<string> {
  const keys = new Set<string>();
  const looked = new Set<Shape>();
  const look = (shape: Shape): void => {
    if (looked.has(shape)) return;
    looked.add(shape);
    if (shape.kind === "list") look(shape.element.shape);
    if (shape.kind === "map") look(shape.value.shape);
    if (shape.kind === "structure") lookInside(shape);
  };
  const lookInside = ({ name, members }: Structure): void => {
    for (const member of members) {
      keys.add(member.name).add(`${name}.${member.name}`);
      look(member.shape);
    }
  };
  for (const operation of loadModel(service).operations.values()) look(operation.input);
  return keys;
}
