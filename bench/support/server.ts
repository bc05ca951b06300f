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
  /** Asks it to end, as an operator does, and waits until it has. */
  end(): Promise<void>;
  /** Puts another process in its place, as an operator does. */
  restart(): Promise<void>;
  /** Another one on the same folder and port, after this one has ended. */
  again(): Promise<Server>;
  /** Ends it and throws its folder away. */
  stop(): Promise<void>;
}

/** With a credential the server verifies every signature. */
export function startServer(credential?: Credential): Promise<Server> {
  return startOn(mkdtempSync(join(tmpdir(), "scones-bench-")), "0", credential);
}

async function startOn(folder: string, port: string, credential?: Credential): Promise<Server> {
  const keys = credential && {
    SCONES_ACCESS_KEY_ID: credential.accessKeyId,
    SCONES_SECRET_ACCESS_KEY: credential.secretAccessKey,
  };
  const child = spawn(process.execPath, [program, "up", "--json", "--port", port, "--data-dir", folder], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, ...keys },
  });
  const killed = () => void child.kill();
  process.on("exit", killed);
  child.once("exit", () => process.off("exit", killed));
  const url = ((await firstJson(child.stdout)) as { endpoint: string }).endpoint;
  const end = async (): Promise<void> => {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  };
  return {
    url,
    pid: child.pid ?? 0,
    end,
    async restart() {
      const asked = spawn(process.execPath, [program, "restart", "--data-dir", folder], { stdio: "ignore" });
      const [exitCode] = (await once(asked, "exit")) as [number | null];
      if (exitCode !== 0) throw new Error("the server was not restarted");
    },
    again: () => startOn(folder, new URL(url).port, credential),
    async stop() {
      await end();
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
