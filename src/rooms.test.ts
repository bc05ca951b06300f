import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

// Who may import whom. A change to this table is a design decision: say why in the commit.
const mayImport: Record<string, readonly string[]> = {
  kit: [],
  ports: ["kit"],
  wire: ["kit", "ports"],
  asl: ["kit"],
  images: ["kit"],
  learn: ["kit", "ports", "images"],
  serve: ["kit", "ports", "images"],
  monitor: ["kit", "images"],
  draw: ["kit", "images"],
  vehicles: ["kit", "images"],
  functions: ["kit", "ports"],
  blobs: ["kit", "ports"],
  store: ["kit", "ports"],
  "services/states": ["kit", "ports", "wire", "asl"],
  "services/sagemaker": ["kit", "ports", "wire", "learn", "serve", "monitor"],
  "services/lambda": ["kit", "ports", "wire", "functions"],
  "services/*": ["kit", "ports", "wire"],
  traffic: ["kit", "images", "vehicles"],
  cli: ["kit", "images", "learn", "vehicles", "monitor", "draw", "traffic", "app.ts", "config.ts"],
  "app.ts": ["*"],
  "config.ts": ["kit"],
  "config.test.ts": ["config.ts"],
  "main.ts": ["cli"],
  "rooms.test.ts": [],
};

const sourceFolder = join(import.meta.dirname, "..", "src");

test("every import keeps to the table of rooms", () => {
  const broken = importsOfTheProject().filter((found) => !isAllowed(found));
  assert.deepEqual(broken, []);
});

test("the table of rooms has looked at the whole project", () => {
  assert.ok(importsOfTheProject().length > 50);
});

// Tests use the real implementations of ports instead of imitations.
const testsMayImport = ["blobs", "store"];

function isAllowed({ from, to, file }: { from: string; to: string; file: string }): boolean {
  const isForTests = file.endsWith(".test.ts") || file.includes("/testing/");
  if (from === to || (isForTests && testsMayImport.includes(to))) return true;
  const allowed = mayImport[from] ?? (from.startsWith("services/") ? mayImport["services/*"] : undefined);
  return allowed !== undefined && (allowed.includes(to) || allowed.includes("*"));
}

function importsOfTheProject(): { from: string; to: string; file: string }[] {
  const files = readdirSync(sourceFolder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  return files.flatMap((file) => {
    const text = readFileSync(join(sourceFolder, file), "utf8");
    const targets = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1] as string);
    return targets.map((target) => ({ from: roomOf(file), to: roomOf(normalize(join(dirname(file), target))), file }));
  });
}

function roomOf(file: string): string {
  const [first, second] = file.split(/[\\/]/) as [string, string?];
  return first === "services" ? `services/${second}` : first;
}
