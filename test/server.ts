import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const projectFolder = join(import.meta.dirname, "..");
export const program = join(projectFolder, "dist", "main.js");

/** A running `scones up` of the built product. */
export interface Server {
  url: string;
  dataDirectory: string;
  /** Of the process that serves now. */
  readonly processId: number;
  /** What it has said on standard error since it started. */
  said(): string;
  /** What AWS clients need, as `scones env` would say. */
  aws: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } };
  /** Ends it as a user would, and removes its folder. */
  stop(): Promise<void>;
  /** `kill -9`, then the same command on the same folder and port. */
  killAndStartAgain(): Promise<void>;
}

/** Starts on a free port, with a fresh folder unless one is given; `env` is added to the environment. */
export async function startServer(folder?: string, env: Record<string, string> = {}): Promise<Server> {
  const dataDirectory = folder ?? mkdtempSync(join(tmpdir(), "scones-test-"));
  let said = "";
  let child = launch(0);
  const { endpoint } = await firstJson(child);
  const port = Number(new URL(endpoint).port);

  function launch(onPort: number) {
    const started = spawn(
      process.execPath,
      [program, "up", "--json", "--port", String(onPort), "--data-dir", dataDirectory],
      {
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    started.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      process.stderr.write(chunk);
    });
    return started;
  }

  return {
    url: endpoint,
    dataDirectory,
    get processId() {
      return child.pid ?? 0;
    },
    said: () => said,
    aws: { endpoint, region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } },
    stop: async () => {
      child.kill("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      rmSync(dataDirectory, { recursive: true, force: true });
    },
    killAndStartAgain: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
      child = launch(port);
      await firstJson(child);
    },
  };
}

async function firstJson(child: ReturnType<typeof spawn>): Promise<{ endpoint: string }> {
  let text = "";
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.trimEnd().endsWith("}")) {
      child.stdout?.resume();
      return JSON.parse(text) as { endpoint: string };
    }
  }
  throw new Error(`scones up ended before it was ready: ${text}`);
}

/** Runs a program to its end; answers what it printed. */
export async function runProgram(
  command: string,
  args: string[],
  options: { env?: Record<string, string>; cwd?: string } = {},
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, ...output };
}
