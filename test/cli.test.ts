// The command line as its users type it: what they read when all is well, and when it is not.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { program, runProgram, type Server, startServer } from "./server.ts";

const commandNames = [
  "demo",
  "up",
  "restart",
  "stage",
  "train",
  "deploy",
  "classify",
  "send",
  "simulate",
  "watch",
  "replay",
  "graph",
  "run",
  "env",
  "split",
];
/** Where nothing listens: port 1 needs rights that nobody gives a test. */
const nowhere = "http://127.0.0.1:1";

interface Ran {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

function scones(...args: string[]): Promise<Ran> {
  return runProgram(process.execPath, [program, ...args], { env: { AWS_ENDPOINT_URL: nowhere } });
}

/** One sentence for a person: no stack, no escape codes. */
function assertSentence(ran: Ran, expected: RegExp): void {
  assert.match(ran.stderr, expected);
  assert.doesNotMatch(ran.stderr, /\n {4}at |Error: /);
  assert.ok(!ran.stderr.includes("\u001b"), "no escape codes when piped");
}

/** Fifty captured answers of two classes in turn, a second apart. */
function writeCaptures(into: string, confidenceOf: (i: number) => number): void {
  mkdirSync(into);
  const lines = Array.from({ length: 50 }, (_, i) => {
    const [high, low] = [confidenceOf(i), 1 - confidenceOf(i)];
    const data = JSON.stringify(i % 2 === 0 ? [high, low] : [low, high]);
    const endpointOutput = { observedContentType: "application/json", mode: "OUTPUT", data, encoding: "JSON" };
    const inferenceTime = new Date(Date.UTC(2026, 0, 1) + 1000 * i).toISOString().replace(".000Z", "Z");
    return JSON.stringify({ captureData: { endpointOutput }, eventMetadata: { eventId: `e${i}`, inferenceTime } });
  });
  writeFileSync(join(into, "captures.jsonl"), `${lines.join("\n")}\n`);
}

describe("the command line without a server", () => {
  const folder = mkdtempSync(join(tmpdir(), "scones-cli-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("every command explains itself, first by a line to copy", async () => {
    await Promise.all(
      commandNames.map(async (name) => {
        const ran = await scones(name, "--help");
        assert.equal(ran.exitCode, 0, name);
        assert.match(ran.stdout, new RegExp(`^ {2}scones ${name}`), name);
        assert.equal(ran.stderr, "", name);
      }),
    );
  });

  test("the overview names every command", async () => {
    const { stdout, exitCode } = await scones("help");
    assert.equal(exitCode, 0);
    for (const name of commandNames) assert.match(stdout, new RegExp(`^ {2}${name} `, "m"));
  });

  test("a misspelt command is refused with the one that was meant", async () => {
    const ran = await scones("trian");
    assert.equal(ran.exitCode, 2);
    assertSentence(ran, /^scones: there is no command "trian"; did you mean "train"\? All commands: scones help\n$/);
  });

  test("an unknown option points to the help of its command", async () => {
    const ran = await scones("train", "--epoch", "3");
    assert.equal(ran.exitCode, 2);
    assertSentence(ran, /^scones: Unknown option '--epoch'; try: scones train --help\n$/);
  });

  for (const [args, message] of [
    [["simulate", "--burst", "2.5"], /--burst must be a whole number, not "2\.5"/],
    [["simulate", "--conditions", "hail"], /--conditions must be .*fog.*, not "hail"/],
    [["replay", "--speed", "2", "--rate", "5"], /--speed and --rate exclude each other/],
    [["watch", "--threshold", "2"], /--threshold must be a number from 0 to 1, not "2"/],
    [["up", "--port", "99999"], /--port must be a number from 0 to 65535, not "99999"/],
    [["deploy", "--language", "cobol"], /--language must be typescript or python, not "cobol"/],
    [["demo", "--preset", "slow"], /--preset must be one of fast, default, best, not "slow"/],
    [["classify"], /classify needs IMAGE/],
    [["stage", "--endpoint", "foo"], /--endpoint must be an address such as http.*, not "foo"/],
  ] as const) {
    test(`${args.join(" ")} is wrong use, said by name and value before anything is done`, async () => {
      const ran = await scones(...args);
      assert.equal(ran.exitCode, 2, ran.stderr);
      assertSentence(ran, message);
      assert.equal(ran.stderr.trimEnd().split("\n").length, 1, ran.stderr);
    });
  }

  test("when nothing answers, the exit code is 3 and the message says where and what to do", async () => {
    for (const args of [["train"], ["stage", "--data", "drawn"], ["run", "--", "true"], ["graph", "SconesUnlimited"]]) {
      const ran = await scones(...args);
      assert.equal(ran.exitCode, 3, `${args[0]}: ${ran.stderr}`);
      assertSentence(ran, /^scones: nothing answers at http:\/\/127\.0\.0\.1:1; start Scones with: scones up/);
    }
  });

  test("a definition that is not JSON is refused by its file", async () => {
    const file = join(folder, "broken.asl.json");
    writeFileSync(file, "{");
    const ran = await scones("graph", file);
    assert.equal(ran.exitCode, 1);
    assertSentence(ran, /broken\.asl\.json is not JSON/);
  });

  test("a file as data directory is refused by its name", async () => {
    const file = join(folder, "a-file");
    writeFileSync(file, "");
    const ran = await scones("up", "--port", "0", "--data-dir", file);
    assert.equal(ran.exitCode, 1);
    assertSentence(ran, /^scones: cannot mkdir .*a-file: a file is in its place\n$/);
  });

  test("without keys no other machine is served", async () => {
    const ran = await scones("up", "--host", "0.0.0.0", "--port", "0", "--data-dir", join(folder, "open"));
    assert.equal(ran.exitCode, 1);
    assertSentence(ran, /refusing to listen on 0\.0\.0\.0 .* SCONES_ACCESS_KEY_ID and SCONES_SECRET_ACCESS_KEY/);
  });
});

describe("the command line with a server", () => {
  let server: Server;
  const folder = mkdtempSync(join(tmpdir(), "scones-cli-"));
  before(async () => {
    server = await startServer();
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const onServer = (command: string, ...args: string[]): Promise<Ran> =>
    scones(command, "--endpoint", server.url, ...args);

  test("a port in use is said in one sentence that names --port", async () => {
    const { port } = new URL(server.url);
    const ran = await scones("up", "--port", port, "--data-dir", join(folder, "second"));
    assert.equal(ran.exitCode, 1);
    assertSentence(
      ran,
      new RegExp(`^scones: port ${port} of 127\\.0\\.0\\.1 is in use by another program; .*--port\\n$`),
    );
  });

  test("a data directory in use is said in one sentence", async () => {
    const ran = await scones("up", "--port", "0", "--data-dir", server.dataDirectory);
    assert.equal(ran.exitCode, 1);
    assertSentence(ran, /^scones: .* is in use by another process; .*a directory of its own\n$/);
    assert.equal((await fetch(server.url)).status < 500, true, "the first server still answers");
  });

  test("commands before their time say which one comes first", async () => {
    for (const [command, message] of [
      ["train", /no data set is staged at s3:\/\/.*; stage one with: scones stage/],
      ["simulate", /there is no state machine SconesUnlimited; deploy it with: scones deploy/],
      ["watch", /there is no endpoint scones-unlimited; deploy one with: scones deploy/],
      ["deploy", /no training job has completed yet; train one with: scones train/],
    ] as const) {
      const ran = await onServer(command);
      assert.equal(ran.exitCode, 1);
      assertSentence(ran, message);
    }
  });

  test("captures in folders are watched, and drift between them is told with its reasons", async () => {
    const [before, same, unsure] = ["before", "same", "unsure"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeCaptures(before, (i) => 0.75 + (i % 25) / 100);
    writeCaptures(same, (i) => 0.75 + ((i * 7) % 25) / 100);
    writeCaptures(unsure, (i) => 0.55 + (i % 25) / 100);
    const calm = await onServer("watch", "--capture", same, "--reference", before);
    assert.match(
      calm.stdout,
      /^drift: none between the last 50 requests and the 50 they are compared with /m,
      calm.stderr,
    );
    const drifting = await onServer("watch", "--capture", unsure, "--reference", before);
    assert.match(
      drifting.stdout,
      /^DRIFT between the last 50 requests and the 50 they are compared with:\n.*\n.*\nless certain /m,
    );
    const json = await onServer("watch", "--capture", unsure, "--reference", before, "--json");
    const { drift } = JSON.parse(json.stdout) as { drift: { isDrifting: boolean; windowCount: number } };
    assert.deepEqual([drift.isDrifting, drift.windowCount], [true, 50]);
    const few = await onServer("watch", "--capture", same, "--window", "20");
    assert.match(few.stdout, /^drift: none between the last 16 requests and the 34 /m);
  });

  test("a file that is not there is refused by its name", async () => {
    const ran = await scones("graph", join(folder, "no.asl.json"));
    assert.equal(ran.exitCode, 1);
    assertSentence(ran, /^scones: cannot open .*no\.asl\.json: there is no such file or folder\n$/);
  });

  test("a file with several handlers becomes folders and archives; what is there already is left alone", async () => {
    const file = join(folder, "lambda.py");
    const out = join(folder, "functions");
    writeFileSync(
      file,
      "def one_handler(event, context):\n    return 1\n\ndef two_handler(event, context):\n    return 2\n",
    );
    const ran = await scones("split", file, "--out", out);
    assert.equal(ran.exitCode, 0, ran.stderr);
    assert.match(ran.stdout, /^one_handler {2}lambda_function\.one_handler, from line 1 {2}.*one_handler\.zip$/m);
    assert.deepEqual(readdirSync(out).sort(), ["one_handler", "one_handler.zip", "two_handler", "two_handler.zip"]);
    const again = await scones("split", file, "--out", out);
    assert.equal(again.exitCode, 1);
    assertSentence(again, /lambda_function\.py is there already: remove it, or choose another --out\n$/);
    const unnamed = await scones("split", file, "--names", "one");
    assert.equal(unnamed.exitCode, 2);
    assertSentence(
      unnamed,
      /--names has 1 names for 2 handlers, in this order: one_handler \(line 1\), two_handler \(line 4\)/,
    );
    writeFileSync(file, "import boto3\n");
    assertSentence(await scones("split", file), /lambda\.py cannot be split: it has no handler: /);
  });

  test("--json prints one JSON value and nothing else on stdout", async () => {
    const out = join(folder, "graph");
    const file = join(folder, "two.asl.json");
    writeFileSync(file, JSON.stringify({ StartAt: "A", States: { A: { Type: "Pass", End: true } } }));
    const drawn = await scones("graph", file, "--out", out, "--json");
    assert.equal(drawn.exitCode, 0, drawn.stderr);
    assert.deepEqual(JSON.parse(drawn.stdout), { files: [`${out}.svg`, `${out}.png`] });
  });

  test("a reader that has seen enough ends nothing: no error of a closed pipe", async () => {
    const child = spawn(process.execPath, [program, "help"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const [exitCode] = (await once(child, "close")) as [number | null];
    assert.equal(stderr, "");
    assert.equal(exitCode, 0);
  });

  test("a program that does not exist is named by run", async () => {
    const ran = await onServer("run", "--", "no-such-program");
    assert.equal(ran.exitCode, 1);
    assertSentence(ran, /^scones: cannot run no-such-program: there is no such program on the PATH\n$/);
  });

  test("a shell that has taken the variables of env reaches Scones, also where it led elsewhere before", async () => {
    const script = `eval "$('${process.execPath}' '${program}' env --endpoint '${server.url}')"; echo "$AWS_ENDPOINT_URL|$AWS_PROFILE|$AWS_CA_BUNDLE"`;
    const ran = await runProgram("/bin/sh", ["-c", script], { env: { AWS_PROFILE: "work" } });
    const [endpoint, profile, bundle = ""] = ran.stdout.trim().split("|");
    assert.deepEqual([endpoint, profile], [server.url, ""], ran.stderr);
    assert.ok(existsSync(bundle), bundle);
  });

  test("env speaks other shells and JSON, and refuses those it does not know", async () => {
    assert.match((await onServer("env", "--shell", "fish")).stdout, /^set -gx AWS_ENDPOINT_URL 'http:/m);
    assert.match((await onServer("env", "--shell", "powershell")).stdout, /^\$env:AWS_ENDPOINT_URL = 'http:/m);
    const json = JSON.parse((await onServer("env", "--json")).stdout) as Record<string, string>;
    assert.equal(json["AWS_ENDPOINT_URL"], server.url);
    const ran = await onServer("env", "--shell", "cmd");
    assert.equal(ran.exitCode, 2);
    assertSentence(ran, /^scones: --shell must be sh, fish, powershell, not "cmd"\n$/);
  });

  test("run ends with the exit code of its program", async () => {
    const ran = await onServer("run", "--", process.execPath, "-e", "process.exit(7)");
    assert.equal(ran.exitCode, 7);
  });
});
