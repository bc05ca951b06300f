// Every operation of every service, asked of the built program by botocore, old and new, which builds each request from its
// own models and reads each answer by them: nothing is our fault, nothing is unreadable, and what COMPATIBILITY.md says is so.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pythons } from "./fuzz/recorded-requests.ts";
import { projectFolder, runProgram, type Server, startServer } from "./server.ts";

interface Line {
  service: string;
  operation: string;
  variant: "least" | "most";
  output?: Record<string, unknown>;
  error?: string;
  skipped?: string;
}

const models = join(projectFolder, "src", "wire", "models");
const wanted = Object.fromEntries(
  readdirSync(models).map((file) => {
    const { name, operations } = JSON.parse(readFileSync(join(models, file), "utf8"));
    return [name, Object.keys(operations)];
  }),
);
const ourFault = /^(InternalFailure|InternalError|InternalServerError|ServiceException|500)$/;

for (const python of pythons) {
  describe(`every operation, by the botocore of ${python}`, () => {
    let server: Server;
    let lines: Line[];
    before(async () => {
      server = await startServer(undefined, {
        SCONES_ACCESS_KEY_ID: "AKIDEXAMPLE",
        SCONES_SECRET_ACCESS_KEY: "a secret",
      });
      const script = join(projectFolder, "src", "wire", "botocore-sweep.py");
      const ran = await runProgram(python, [script, server.url, JSON.stringify(wanted)]);
      assert.equal(ran.exitCode, 0, ran.stderr);
      lines = ran.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Line)
        .filter(({ skipped }) => skipped === undefined);
      assert.ok(lines.length > 400, `only ${lines.length} calls were made`);
    });
    after(() => server?.stop());

    test("none is our fault, and none is answered so that botocore cannot read it", () => {
      const strange = lines.filter(({ error }) => error !== undefined && !isRefusal(error));
      assert.deepEqual(strange.map(shown), []);
      assert.deepEqual(server.said().match(/^(scones: )?bug in .*/gm) ?? [], []);
    });

    test("those that COMPATIBILITY.md says are answered are, and the others are refused by name", () => {
      const answered = answeredOperations();
      const wrong = lines.filter(({ service, operation, error }) => {
        const isUnknown = error !== undefined && /Scones does not answer \S+; COMPATIBILITY/.test(error);
        return isUnknown === answered.has(`${service}.${operation}`);
      });
      assert.deepEqual(wrong.map(shown), []);
    });
  });
}

function isRefusal(error: string): boolean {
  const code = codeOf(error);
  return code !== "" && !ourFault.test(code);
}

/** Empty for what is no answer of AWS's shape. */
function codeOf(error: string): string {
  return /^An error occurred \(([\w.]+)\) when calling/.exec(error)?.[1] ?? "";
}

function shown({ service, operation, variant, error, output }: Line): string {
  return `${service}.${operation} (${variant}): ${error ?? JSON.stringify(output)}`.slice(0, 400);
}

/** From the list that a test keeps equal to the operation tables. */
function answeredOperations(): Set<string> {
  const text = readFileSync(join(projectFolder, "COMPATIBILITY.md"), "utf8");
  const sections = text.matchAll(/^### (\S+): \d+ of \d+ modelled operations\n\nyes: (.*)$/gm);
  return new Set([...sections].flatMap(([, service, yes = ""]) => yes.split(", ").map((name) => `${service}.${name}`)));
}
