// A server process is replaced by another one while people use it: nobody may notice.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  SageMakerClient,
  waitUntilEndpointInService,
} from "@aws-sdk/client-sagemaker";
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { pythonModel } from "./endpoint-models.ts";
import { program, projectFolder, runProgram, type Server, startServer } from "./server.ts";

const python = "/usr/bin/python3";
const hasPython = existsSync(python);
const needsPython = { skip: !hasPython && "python3 is not installed" };

let server: Server;

before(async () => {
  server = await startServer();
  if (hasPython) await deploy(server.aws);
});
after(() => server?.stop());

test("restarts under load fail no request, on kept connections and on new ones", needsPython, async () => {
  const load = startLoad(server.url);
  const served = new Set<number>();
  for (let round = 0; round < 3; round++) {
    await load.more(200);
    const { exitCode, stdout, stderr } = await restart(server.dataDirectory);
    assert.equal(exitCode, 0, stderr);
    served.add((JSON.parse(stdout) as { process: number }).process);
  }
  await load.more(200);
  const { answered, failures } = await load.stop();
  assert.deepEqual(failures, []);
  assert.ok(answered >= 800, `${answered} answers`);
  assert.equal(served.size, 3);
  assert.ok(process.kill(server.processId, 0), "the process that was started stays");
});

test("who waits for a message is answered without one when the server is replaced", async () => {
  const sqs = new SQSClient({ ...server.aws, maxAttempts: 1 });
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "patience" }));
  const received = sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
  await sleep(200); // it is on its way, of which nobody can tell
  const startedAt = Date.now();
  await restart(server.dataDirectory);
  assert.equal((await received).Messages, undefined);
  assert.ok(Date.now() - startedAt < 15_000);
  sqs.destroy();
});

test("a successor that does not start leaves the server that runs", async () => {
  const folder = mkdtempSync(join(tmpdir(), "scones-test-"));
  const part = join(folder, "part.cjs");
  writeFileSync(part, "");
  const child = up(folder, { NODE_OPTIONS: `--require ${part}` });
  const { endpoint } = await firstJson(child);
  writeFileSync(part, 'throw new Error("a broken installation");');
  const { exitCode, stderr } = await restart(folder);
  assert.equal(exitCode, 1);
  assert.match(stderr, /not restarted: the new process ended with exit code 1/);
  assert.equal(await processAt(endpoint), child.pid);
  await end(child, folder);
});

test("Ctrl-C ends whoever serves, and so does the end of the first process", async () => {
  const folder = mkdtempSync(join(tmpdir(), "scones-test-"));
  const child = up(folder);
  const { endpoint } = await firstJson(child);
  await restart(folder);
  const successor = (await processAt(endpoint)) as number;
  assert.notEqual(successor, child.pid);
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [0, null]);
  assert.equal(await processAt(endpoint), undefined);

  const again = up(folder);
  const { endpoint: other } = await firstJson(again);
  await restart(folder);
  const orphan = (await processAt(other)) as number;
  again.kill("SIGKILL");
  await gone(orphan);
  await end(again, folder);
});

test("without a server, restart says so", async () => {
  const folder = mkdtempSync(join(tmpdir(), "scones-test-"));
  const { exitCode, stderr } = await restart(folder);
  assert.equal(exitCode, 3);
  assert.match(stderr, /no `scones up` serves/);
  rmSync(folder, { recursive: true });
});

test(
  "a server whose socket is held as systemd does ends and starts without a failed request",
  needsPython,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "scones-test-"));
    const holder = join(projectFolder, "test", "clients", "hold_socket.py");
    const command = [process.execPath, program, "up", "--json", "--data-dir", folder];
    const held = spawn(python, [holder, ...command], { stdio: ["pipe", "pipe", "inherit"] });
    const { endpoint } = await firstJson(held);
    await deploy({ ...server.aws, endpoint });
    const load = startLoad(endpoint);
    for (let round = 0; round < 2; round++) {
      await load.more(100);
      const before = await processAt(endpoint);
      held.stdin.write("restart\n");
      while ((await processAt(endpoint)) === before) await sleep(20);
    }
    await load.more(100);
    assert.deepEqual((await load.stop()).failures, []);
    held.stdin.end();
    await once(held, "exit");
    rmSync(folder, { recursive: true });
  },
);

/** One model in Python behind the endpoint `kept`. */
async function deploy(aws: Server["aws"]): Promise<void> {
  const s3 = new S3Client({ ...aws, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: "models" }));
  await s3.send(new PutObjectCommand({ Bucket: "models", Key: "model.tar.gz", Body: pythonModel() }));
  const sagemaker = new SageMakerClient(aws);
  await sagemaker.send(
    new CreateModelCommand({
      ModelName: "kept",
      PrimaryContainer: {
        Image: "process:python3 code/serve.py",
        ModelDataUrl: "s3://models/model.tar.gz",
        Environment: { COLOUR: "blue" },
      },
    }),
  );
  await sagemaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: "kept",
      ProductionVariants: [{ VariantName: "all", ModelName: "kept", InitialInstanceCount: 2 }],
    }),
  );
  await sagemaker.send(new CreateEndpointCommand({ EndpointName: "kept", EndpointConfigName: "kept" }));
  await waitUntilEndpointInService({ client: sagemaker, maxWaitTime: 60, minDelay: 1 }, { EndpointName: "kept" });
}

/** Eight clients that ask without a pause and without a second try; half of them keep their connections. */
function startLoad(url: string, { isKept = (client: number) => client % 2 === 0 } = {}) {
  const failures: string[] = [];
  let answered = 0;
  let isOver = false;
  const client = async (agent: Agent) => {
    while (!isOver) {
      await invoke(url, agent).then(
        (status) => {
          answered++;
          if (status !== 200) failures.push(`status ${status}`);
        },
        (error: Error) => failures.push(error.message),
      );
    }
    agent.destroy();
  };
  const agents = Array.from({ length: 8 }, (_, i) => new Agent({ keepAlive: isKept(i) }));
  const clients = Promise.all(agents.map(client));
  return {
    async more(count: number) {
      const until = answered + count;
      while (answered < until) await sleep(20);
    },
    async stop() {
      isOver = true;
      await clients;
      return { answered, failures };
    },
  };
}

function invoke(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(
      new URL("/endpoints/kept/invocations", url),
      { method: "POST", agent, headers: { "content-type": "text/plain" } },
      (response: IncomingMessage) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode ?? 0)).on("error", reject);
      },
    );
    asked.on("error", reject).end("hello");
  });
}

function restart(folder: string) {
  return runProgram(process.execPath, [program, "restart", "--data-dir", folder, "--json"]);
}

function up(folder: string, env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [program, "up", "--json", "--port", "0", "--data-dir", folder], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  child.kill("SIGTERM");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  rmSync(folder, { recursive: true, force: true });
}

async function firstJson(child: Pick<ChildProcess, "stdout">): Promise<{ endpoint: string }> {
  let text = "";
  for await (const chunk of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    text += String(chunk);
    if (text.trimEnd().endsWith("}")) break;
  }
  child.stdout?.resume();
  return JSON.parse(text) as { endpoint: string };
}

/** Which process answers there; undefined where nobody does. */
async function processAt(url: string): Promise<number | undefined> {
  const answer = await fetch(`${url}/_scones/health`, { headers: { connection: "close" } }).catch(() => undefined);
  return ((await answer?.json()) as { process: number } | undefined)?.process;
}

async function gone(pid: number): Promise<void> {
  for (const limit = Date.now() + 10_000; Date.now() < limit; await sleep(20)) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
  }
  throw new Error(`process ${pid} is still there`);
}
