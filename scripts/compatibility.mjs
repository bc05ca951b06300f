// Writes the table of operations in COMPATIBILITY.md from the models and the handlers; with --check it only compares.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { startScones } from "../dist/app.js";
import { serverConfig } from "../dist/config.js";
import { loadModel } from "../dist/wire/model.js";

const file = "COMPATIBILITY.md";
const begin = "<!-- operations: written by scripts/compatibility.mjs -->";
const end = "<!-- end of operations -->";

const dataDirectory = mkdtempSync(join(tmpdir(), "scones-compatibility-"));
const scones = await startScones(serverConfig({ port: 0, dataDirectory }));
await scones.close();
rmSync(dataDirectory, { recursive: true, force: true });

const services = readdirSync("src/wire/models")
  .map((name) => basename(name, ".json"))
  .sort();
const sections = services.map((service) => {
  const modelled = [...loadModel(service).operations.keys()].sort();
  const answered = new Set(scones.operations[service] ?? []);
  const stray = [...answered].filter((name) => !modelled.includes(name));
  if (stray.length > 0) throw new Error(`${service} answers operations that its model lacks: ${stray.join(", ")}`);
  const yes = modelled.filter((name) => answered.has(name));
  const no = modelled.filter((name) => !answered.has(name));
  return [
    `### ${service}: ${yes.length} of ${modelled.length} modelled operations`,
    "",
    `yes: ${yes.join(", ") || "none"}`,
    "",
    `no: ${no.join(", ") || "none"}`,
    "",
  ].join("\n");
});

const text = readFileSync(file, "utf8");
const [before, after] = [text.indexOf(begin), text.indexOf(end)];
if (before < 0 || after < before) throw new Error(`${file} lacks its markers`);
const fresh = `${text.slice(0, before + begin.length)}\n\n${sections.join("\n")}\n${text.slice(after)}`;
if (process.argv.includes("--check")) {
  if (fresh !== text) {
    console.error(`${file} is not what the operation tables say; run: npm run build && node scripts/compatibility.mjs`);
    process.exit(1);
  }
  console.log(`${file} agrees with the tables of ${services.length} services`);
} else {
  writeFileSync(file, fresh);
}
