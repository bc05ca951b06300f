import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Credential, requestBytes } from "./request.ts";

const program = join(import.meta.dirname, "..", "..", "..", "dist", "main.js");

/** The built product, started as a user starts it, on a fresh folder. */
export interface Server {
  url: string;
  pid: number;
  stop(): Promise<void>;
}

/** With a credential the server verifies every signature. */
export async function startServer(credential?: Credential): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), "scones-bench-"));
  const keys = credential && {
    SCONES_ACCESS_KEY_ID: credential.accessKeyId,
    SCONES_SECRET_ACCESS_KEY: credential.secretAccessKey,
  };
  const child = spawn(process.execPath, [program, "up", "--json", "--port", "0", "--data-dir", folder], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...keys },
  });
  process.on("exit", () => child.kill());
  const url = ((await firstJson(child.stdout)) as { endpoint: string }).endpoint;
  return {
    url,
    pid: child.pid ?? 0,
    async stop() {
      child.kill("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The JSON that a program prints when it is ready. */
export async function firstJson(output: NodeJS.ReadableStream): Promise<unknown> {
  let text = "";
  return new Promise((resolve, reject) => {
    output.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      try {
        resolve(JSON.parse(text));
      } catch {
        // Not all of it has arrived.
      }
    });
    output.on("end", () => reject(new Error(`a program ended before it was ready: ${text}`)));
  });
}

/** One JSON 1.0 operation of Step Functions. */
export function statesRequest(url: string, operation: string, input: object, credential?: Credential): Buffer {
  return requestBytes(
    url,
    {
      method: "POST",
      path: "/",
      service: "states",
      headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AWSStepFunctions.${operation}` },
      body: Buffer.from(JSON.stringify(input)),
    },
    credential,
  );
}
