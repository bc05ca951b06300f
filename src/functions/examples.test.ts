// The example's functions, in both languages, against a stand-in of S3 and of the endpoint.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { buildSync } from "esbuild";
import { jsonOf, type Machine, machine } from "./rig.test.ts";

const root = join(import.meta.dirname, "..", "..");
const examples = join(root, "examples", "scones-unlimited", "functions");
const picture = Buffer.from("\x89PNG the picture of a bicycle", "latin1");
const order = { image_data: "", s3_bucket: "deliveries", s3_key: "test/bicycle.png" };

test("the TypeScript functions are correctly typed", () => {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [tsc, "-p", join(examples, "typescript")], { stdio: "pipe" });
});

const pythons = pythonsWithBoto3();
test("there is a Python with boto3 to test with", { skip: pythons.length === 0 && "no boto3 is installed" }, () => {
  assert.ok(pythons.length > 0);
});

for (const python of [undefined, ...pythons]) {
  const language = python === undefined ? "TypeScript" : `Python (${python})`;
  describe(`the three functions in ${language}`, () => {
    test("pass a sure picture on, with what the endpoint said as a list", async () => {
      await using aws = await standIn("[0.9388836622238159, 0.061116307973861694]");
      const { last } = await chain(aws, python);
      assert.deepEqual(last, {
        statusCode: 200,
        body: {
          ...order,
          image_data: picture.toString("base64"),
          inferences: [0.9388836622238159, 0.061116307973861694],
        },
      });
      assert.deepEqual(aws.seen, ["vehicles application/x-image"]);
    });
    test("fail by name when the model is not sure", async () => {
      await using aws = await standIn("[0.6, 0.4]");
      const { last } = await chain(aws, python);
      assert.equal(last["errorType"], "THRESHOLD_CONFIDENCE_NOT_MET");
      assert.equal(last["errorMessage"], "the model is 0.6000 sure, and 0.93 is asked for");
    });
    test("take the threshold from the environment", async () => {
      await using aws = await standIn("[0.6, 0.4]");
      const { last } = await chain(aws, python, { THRESHOLD: "0.5" });
      assert.equal(last["statusCode"], 200);
    });
  });
}

/** Runs one after the other, each with the body of the one before, as the state machine does. */
async function chain(aws: { url: string }, python: string | undefined, variables: Record<string, string> = {}) {
  const credentials = { AWS_ACCESS_KEY_ID: "x", AWS_SECRET_ACCESS_KEY: "y" };
  await using it = machine({ python, environmentOf: () => ({ AWS_ENDPOINT_URL: aws.url, ...credentials }) });
  let event: unknown = order;
  let last: Record<string, unknown> = {};
  for (const step of ["serialize-image-data", "classify-image", "filter-low-confidence"]) {
    const spec = { ...(python ? pythonStep(it, step) : nodeStep(it, step)), timeoutMs: 20_000 };
    last = jsonOf(await it.call({ ...spec, variables: { ENDPOINT: "vehicles", ...variables } }, event));
    event = last["body"];
  }
  return { last };
}

function pythonStep(it: Machine, step: string) {
  return it.define(readFileSync(join(examples, "python", `${step.replaceAll("-", "_")}.py`), "utf8"), { name: step });
}

function nodeStep(it: Machine, step: string) {
  const entryPoints = [join(examples, "typescript", `${step}.ts`)];
  const settings = { bundle: true, format: "esm", platform: "node", write: false } as const;
  const source = buildSync({ entryPoints, ...settings, external: ["@aws-sdk/*"] }).outputFiles[0]!.text;
  return it.define(source, { name: step, runtime: "nodejs20.x" });
}

async function standIn(prediction: string) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const endpoint = /^\/endpoints\/([^/]+)\/invocations$/.exec(request.url ?? "")?.[1];
      const isPicture = /^\/deliveries\/test\/bicycle\.png(\?|$)/.test(request.url ?? "");
      if (endpoint !== undefined && Buffer.concat(chunks).equals(picture)) {
        seen.push(`${endpoint} ${request.headers["content-type"]}`);
        response.writeHead(200, { "Content-Type": "application/json" }).end(prediction);
      } else if (isPicture) {
        const headers = {
          "Content-Length": picture.byteLength,
          ETag: '"1"',
          "Last-Modified": new Date(0).toUTCString(),
        };
        response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : picture);
      } else response.writeHead(404).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The system's, whose boto3 may be too old to know AWS_ENDPOINT_URL, and one with a boto3 that knows it. */
function pythonsWithBoto3(): string[] {
  const versions = join(homedir(), ".pyenv", "versions");
  const others = existsSync(versions)
    ? readdirSync(versions).map((name) => join(versions, name, "bin", "python3"))
    : [];
  const hasBoto3 = (path: string) => {
    try {
      execFileSync(path, ["-c", "import sys, boto3; sys.exit(sys.version_info < (3, 8))"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  };
  return [["/usr/bin/python3"], ["/usr/local/bin/python3", ...others]].flatMap((paths) => {
    const found = paths.filter(existsSync).find(hasBoto3);
    return found === undefined ? [] : [found];
  });
}
