import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type CertificateAuthority, openAuthority } from "./certificate-authority.ts";
import { clientEnvironment } from "./client-environment.ts";
import { createWireServer, type WireServer } from "./server.ts";
import type { Call, Service } from "./service.ts";

const credential = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a secret" };
const metrics: unknown[] = [];
const objects = new Map<string, Buffer>();
let folder: string;
let authority: CertificateAuthority;
let wire: WireServer;

const services: Service[] = [
  {
    name: "sts",
    handlers: {
      GetCallerIdentity: (_input: object, { accountId }: Call) => ({ Account: accountId, UserId: "u", Arn: "arn:u" }),
    },
  },
  {
    name: "s3",
    handlers: {
      PutObject: async ({ Bucket, Key, Body }: { Bucket: string; Key: string; Body: AsyncIterable<Buffer> }) => {
        const chunks: Buffer[] = [];
        for await (const chunk of Body) chunks.push(chunk);
        objects.set(`${Bucket}/${Key}`, Buffer.concat(chunks));
        return { ETag: '"e"' };
      },
      ListObjectsV2: () => ({
        IsTruncated: false,
        KeyCount: 1,
        Contents: [{ Key: "k", Size: 1, LastModified: new Date(0) }],
      }),
    },
  },
  {
    name: "states",
    handlers: {
      StartSyncExecution: () => ({
        executionArn: "arn:e",
        startDate: new Date(0),
        stopDate: new Date(1000),
        status: "SUCCEEDED",
      }),
    },
  },
  {
    name: "monitoring",
    handlers: {
      PutMetricData: (input: object) => {
        metrics.push(input);
        return {};
      },
    },
  },
  {
    name: "sqs",
    handlers: { GetQueueUrl: (_input: object, { baseUrl }: Call) => ({ QueueUrl: `${baseUrl}/000000000000/q` }) },
  },
  {
    name: "sagemaker-runtime",
    handlers: { InvokeEndpoint: ({ Body }: { Body: Buffer }) => ({ Body, ContentType: "x/y" }) },
  },
];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "scones-authority-"));
  const clock = { now: () => Date.now(), uuid: () => crypto.randomUUID() };
  authority = openAuthority({ folder, now: () => clock.now() });
  wire = await createWireServer({ services, port: 0, clock, authority, credentials: [credential] });
});

after(async () => {
  await wire.close();
  rmSync(folder, { recursive: true });
});

// Everything that a notebook's first cells do, by whichever boto3 this python has.
const script = `
import boto3, json, os
from datetime import datetime
out = {"botocore": __import__("botocore").__version__}
out["account"] = boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com").get_caller_identity()["Account"]
s3 = boto3.client("s3")
s3.put_object(Bucket="bucket", Key="from python", Body=b"x" * 100000)
out["keys"] = [o["Key"] for o in s3.list_objects_v2(Bucket="bucket")["Contents"]]
out["status"] = boto3.client("stepfunctions").start_sync_execution(stateMachineArn="arn:aws:states:us-east-1:0:stateMachine:m")["status"]
boto3.client("cloudwatch").put_metric_data(Namespace="n", MetricData=[
    {"MetricName": "m%d" % i, "Value": 0.5, "Timestamp": datetime(2026, 1, 1), "Dimensions": [{"Name": "d", "Value": "v"}]} for i in range(200)])
out["queue"] = boto3.client("sqs").get_queue_url(QueueName="q")["QueueUrl"]
out["answer"] = boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=b"bytes")["Body"].read().decode()
print(json.dumps(out))
`;

test("Debian's boto3 reaches every service through the proxy alone", withBoto3("/usr/bin/python3"), async () => {
  const answers = await everyService("/usr/bin/python3", {});
  assert.match(answers["queue"] as string, /\/000000000000\/q$/);
});

test("a new boto3 reaches every service by the address and the proxy together", withBoto3("python3"), async () => {
  const answers = await everyService("python3", { AWS_ENDPOINT_URL: wire.url });
  assert.match(answers["queue"] as string, /\/000000000000\/q$/);
});

test("the aws command reaches us by the same variables", withProgram("aws"), async () => {
  const text = await run("aws", ["sts", "get-caller-identity", "--output", "json"], { AWS_ENDPOINT_URL: wire.url });
  assert.equal((JSON.parse(text) as { Account: string }).Account, "000000000000");
  const file = join(folder, "file");
  writeFileSync(file, Buffer.alloc(200_000, 3));
  await run("aws", ["s3", "cp", file, "s3://bucket/from-aws", "--no-progress"], { AWS_ENDPOINT_URL: wire.url });
  assert.equal(objects.get("bucket/from-aws")?.length, 200_000);
});

test("a host that is not of AWS is connected through untouched", async (context) => {
  const upstream: Server = createServer((_request, response) => response.end("upstream"));
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  context.after(() => upstream.close());
  const socket = await tunnel(`127.0.0.1:${(upstream.address() as AddressInfo).port}`);
  socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  assert.match(text, /upstream$/);
});

test("the authority's key is readable by its owner alone and is kept", () => {
  assert.equal(statSync(join(folder, "authority.pem")).mode & 0o777, 0o600);
  const again = openAuthority({ folder, now: () => Date.now() });
  assert.equal(again.certificate, authority.certificate);
  const bundle = readFileSync(authority.bundlePath, "utf8");
  assert.ok(bundle.endsWith(authority.certificate));
  assert.ok(bundle.match(/BEGIN CERTIFICATE/g)!.length > 50, "the system's authorities are in the bundle too");
});

test("certificates are issued for hosts of AWS only", () => {
  assert.throws(() => authority.contextFor("bank.example"), /no certificate is issued/);
  assert.throws(() => authority.contextFor("amazonaws.com.evil.example"), /no certificate is issued/);
  assert.equal(new X509Certificate(authority.certificate).ca, true);
});

test("openssl finds nothing wrong with our certificates", withProgram("openssl"), async () => {
  const { port } = wire;
  const path = join(folder, "authority.crt");
  writeFileSync(path, authority.certificate);
  const args = ["s_client", "-proxy", `127.0.0.1:${port}`, "-connect", "bucket.s3.amazonaws.com:443", "-CAfile", path];
  const text = await run(
    "openssl",
    [...args, "-verify_hostname", "bucket.s3.amazonaws.com", "-x509_strict", "-verify_return_error"],
    {},
  );
  assert.match(text, /Verify return code: 0 \(ok\)/);
});

test("listening for the network without keys is refused", async () => {
  const clock = { now: () => Date.now(), uuid: () => crypto.randomUUID() };
  await assert.rejects(
    createWireServer({ services: [], host: "0.0.0.0", port: 0, clock }),
    /refusing to listen on 0\.0\.0\.0/,
  );
});

test("a web page of another origin, or one that renamed us, is turned away", async () => {
  const statusOf = (headers: Record<string, string>) => {
    return new Promise<number>((resolve, reject) => {
      const sent = request({ port: wire.port, host: "127.0.0.1", path: "/_scones/health", headers }, (response) => {
        resolve(response.resume().statusCode ?? 0);
      });
      sent.on("error", reject).end();
    });
  };
  const own = `127.0.0.1:${wire.port}`;
  assert.equal(await statusOf({ host: own }), 200);
  assert.equal(await statusOf({ host: own, origin: `http://${own}` }), 200);
  assert.equal(await statusOf({ host: `sync-localhost:${wire.port}` }), 200);
  assert.equal(await statusOf({ host: own, origin: "https://evil.example" }), 403);
  assert.equal(await statusOf({ host: own, origin: "null" }), 403);
  assert.equal(await statusOf({ host: "rebound.evil.example" }), 403);
  assert.equal(await statusOf({ host: own, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }), 403);
});

async function everyService(python: string, extra: Record<string, string>): Promise<Record<string, unknown>> {
  metrics.length = 0;
  objects.delete("bucket/from python");
  const answers = JSON.parse(await run(python, ["-c", script], extra)) as Record<string, unknown>;
  assert.deepEqual(
    { account: answers["account"], keys: answers["keys"], status: answers["status"], answer: answers["answer"] },
    { account: "000000000000", keys: ["k"], status: "SUCCEEDED", answer: "bytes" },
  );
  assert.equal(objects.get("bucket/from python")?.length, 100_000);
  const [{ MetricData }] = metrics as [{ MetricData: { MetricName: string; Value: number; Timestamp: Date }[] }];
  assert.equal(MetricData.length, 200);
  assert.deepEqual(MetricData[7]?.Timestamp, new Date("2026-01-01T00:00:00Z"));
  return answers;
}

function run(program: string, args: string[], extra: Record<string, string>): Promise<string> {
  const { AWS_ENDPOINT_URL: _byProxyUnlessAsked, ...variables } = clientEnvironment({
    url: wire.url,
    region: "us-east-1",
    credential,
    bundlePath: authority.bundlePath,
  });
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    PYENV_ROOT: process.env["PYENV_ROOT"] ?? "",
    ...variables,
    ...extra,
  };
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${stderr}${stdout}`));
    });
    child.stdin?.end();
  });
}

function withBoto3(python: string): { skip: string | false } {
  return { skip: spawnSync(python, ["-c", "import boto3"]).status !== 0 && `${python} has no boto3` };
}

function withProgram(program: string): { skip: string | false } {
  return { skip: spawnSync(program, ["version"]).error !== undefined && `${program} is not installed` };
}

function tunnel(target: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const sent = request({ port: wire.port, host: "127.0.0.1", method: "CONNECT", path: target });
    sent.on("connect", (_response, socket) => resolve(socket as Socket));
    sent.on("error", reject).end();
  });
}
