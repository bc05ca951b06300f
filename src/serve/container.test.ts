import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { containerCommand } from "./container.ts";
import { Gateway, type GatewayOptions } from "./gateway.ts";
import { memoryBlobs, memoryLogs, realClock, until } from "./testing/world.ts";

const folder = mkdtempSync(join(tmpdir(), "container-"));
after(() => rmSync(folder, { recursive: true }));

// One thread, connections that are kept: the least that people write.
writeFileSync(
  join(folder, "serve.py"),
  `
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *args): pass
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self): self.answer(b"")
    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        label = open(os.environ["SM_MODEL_DIR"] + "/label").read()
        self.answer(f"{label} {os.environ['GREETING']} {sent.decode()} {sys.argv[1]}".encode())
print("serving")
http.server.HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
`,
);
writeFileSync(join(folder, "label"), "bicycle");
writeFileSync(
  join(folder, "serve.mjs"),
  `
import { createServer } from "node:http";
createServer((request, response) => {
  if (request.url === "/ping") return response.end();
  request.on("data", () => {}).on("end", () => {
    if (request.headers["content-type"] === "text/deadly") process.exit(3);
    if (request.headers["content-type"] === "text/slow") {
      response.write("one ");
      return setTimeout(() => response.end("two"), 50);
    }
    setTimeout(() => response.end(String(process.pid)), 5);
  });
}).listen(process.env.SAGEMAKER_BIND_TO_PORT, "127.0.0.1");
`,
);
writeFileSync(join(folder, "deaf.mjs"), `process.on("SIGTERM", () => {}); setInterval(() => {}, 1000);`);

test("a container in Python finds its model, its environment and the word serve", async () => {
  const { gateway, logs } = await serving("python3 serve.py");
  const answer = await ask(gateway, "hello");
  await gateway.close();
  assert.equal(answer, "bicycle good day hello serve");
  assert.deepEqual([...logs.lines.values()].flat(), ["serving"]);
});

test("more clients at once than a program of one thread can take are all answered", async () => {
  const { gateway } = await serving("python3 serve.py");
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask(gateway, "x")));
  await gateway.close();
  assert.equal(answers.filter((answer) => answer.startsWith("bicycle")).length, 40);
});

test("the instances of a variant are containers that share the requests", async () => {
  const { gateway } = await serving(`${process.execPath} serve.mjs`, { workers: 2 });
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask(gateway, "x")));
  const pids = gateway.workerIds("mine");
  await gateway.close();
  assert.equal(new Set(answers).size, 2);
  assert.equal(pids.length, 2);
  await until(() => pids.every((pid) => !isAlive(pid)));
});

test("killing containers again and again under load loses no request", async () => {
  const { gateway } = await serving(`${process.execPath} serve.mjs`, { workers: 2 });
  let kills = 0;
  const killer = setInterval(() => {
    const victim = gateway.workerIds("mine")[kills % 2];
    if (victim === undefined || gateway.workerIds("mine").length < 2) return;
    process.kill(-victim, "SIGKILL");
    kills++;
  }, 250);
  const answers: unknown[] = [];
  const latest = Date.now() + 60_000; // a busy machine takes its time
  const client = async () => {
    while ((kills < 3 || answers.length <= 100) && Date.now() < latest)
      answers.push(await ask(gateway, "x").catch((error: Error) => error));
  };
  await Promise.all(Array.from({ length: 6 }, client));
  clearInterval(killer);
  await gateway.close();
  assert.ok(kills >= 3, `${kills} kills`);
  assert.ok(answers.length > 100, `${answers.length} answers`);
  assert.deepEqual(
    answers.filter((answer) => answer instanceof Error),
    [],
  );
});

test("the pieces of a container's answer are told of as they come", async () => {
  const { gateway } = await serving(`${process.execPath} serve.mjs`);
  const parts: string[] = [];
  const { body } = await gateway.invoke("mine", {
    body: Buffer.from("x"),
    contentType: "text/slow",
    onPart: (part) => parts.push(`${part.variantName}: ${Buffer.from(part.body)}`),
  });
  await gateway.close();
  assert.deepEqual(parts, ["A: one ", "A: two"]);
  assert.equal(Buffer.from(body).toString(), "one two");
});

test("an input that ends its containers is answered with a model error, and the next one is answered", async () => {
  const { gateway } = await serving(`${process.execPath} serve.mjs`);
  const deadly = { body: Buffer.from("x"), contentType: "text/deadly" };
  await assert.rejects(gateway.invoke("mine", deadly), { code: "ModelError", status: 424 });
  const answer = await ask(gateway, "x");
  await gateway.close();
  assert.match(answer, /^\d+$/);
});

test("containers come and go under load without losing a request", async () => {
  const { gateway } = await serving(`${process.execPath} serve.mjs`);
  const answers: unknown[] = [];
  let isDone = false;
  const client = async () => {
    while (!isDone) answers.push(await ask(gateway, "x").catch((error: Error) => error));
  };
  const clients = Promise.all(Array.from({ length: 6 }, client));
  await gateway.adjust("mine", [{ variantName: "A", workers: 3 }]);
  await gateway.adjust("mine", [{ variantName: "A", workers: 1 }]);
  isDone = true;
  await clients;
  await gateway.close();
  assert.deepEqual(
    answers.filter((answer) => answer instanceof Error),
    [],
  );
});

test("a container that ends before it answers a ping fails with its last words", async () => {
  await assert.rejects(
    serving(`sh -c 'echo no such weights >&2; exit 4'`),
    /variant A did not start: the container ended with exit code 4: no such weights/,
  );
});

test("a container that never answers a ping fails when the start-up window ends, and is killed after its grace", async () => {
  await assert.rejects(
    serving(`${process.execPath} deaf.mjs`, { startupTimeoutMs: 600 }, { stopGraceMs: 100 }),
    /did not answer GET \/ping with 200 within 0\.6 s/,
  );
});

test("only images of the form process:COMMAND are commands", () => {
  assert.equal(containerCommand("process:python3 serve.py"), "python3 serve.py");
  assert.equal(containerCommand("process:http://127.0.0.1:8080"), undefined);
  assert.equal(containerCommand("image-classification:1"), undefined);
});

async function serving(
  command: string,
  changes: { workers?: number; startupTimeoutMs?: number } = {},
  options: Partial<GatewayOptions> = {},
) {
  const logs = memoryLogs();
  const gateway = new Gateway({
    clock: realClock,
    blobs: memoryBlobs(),
    logs,
    region: "us-east-1",
    accountId: "123456789012",
    maxWorkersPerVariant: 4,
    ...options,
  });
  const environment = { PATH: process.env["PATH"] ?? "", GREETING: "good day" };
  const model = { type: "container", command, folder, environment } as const;
  const variant = { name: "A", weight: 1, workers: 1, model, ...changes };
  await gateway.deploy({ name: "mine", configName: "mine", variants: [variant] });
  return { gateway, logs };
}

async function ask(gateway: Gateway, text: string): Promise<string> {
  const { body } = await gateway.invoke("mine", { body: Buffer.from(text), contentType: "text/plain" });
  return Buffer.from(body).toString();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
