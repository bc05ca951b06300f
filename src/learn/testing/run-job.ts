import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { safeBlockSize } from "../training/block-size.ts";
import { trainingCommand } from "../training-command.ts";
import { type JobOptions, startJob } from "../training-job.ts";
import type { JobFolder } from "./job-folder.ts";

/** Runs the job to its end, in this process: its exit code and what it said. */
export async function runJob(
  { prefix }: JobFolder,
  { cores = 2, workerProgram }: Partial<Pick<JobOptions, "cores" | "workerProgram">> = {},
) {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const code = await startJob({ prefix, cores, block: safeBlockSize, log, workerProgram }).done;
  return { code, lines, text: lines.join("\n") };
}

/** Runs the training program, which is sent the signal whenever it says what is waited for; its exit code. */
export async function runUntil(
  { prefix }: JobFolder,
  { said, signal }: { said: string; signal: NodeJS.Signals },
): Promise<number | null> {
  const { command, args } = trainingCommand();
  const child = spawn(command, args, { env: { SCONES_ML_PREFIX: prefix }, stdio: ["ignore", "pipe", "inherit"] });
  const exit = new Promise<number | null>((resolve) => child.on("exit", resolve));
  for await (const line of createInterface(child.stdout)) {
    if (line.includes(said)) child.kill(signal);
  }
  return exit;
}
