import { join } from "node:path";
import { isDiskFull } from "../../kit/disk-full.ts";
import { ArchiveError } from "../../serve/unpack-archive.ts";
import { ClientError } from "./download-objects.ts";
import { startOfFile } from "./start-of-file.ts";

/** As AWS bounds what it reads of `output/failure` and a FailureReason. */
const maxLength = 1024;

/** Why a training program failed: what it wrote to `output/failure`, else how it ended. */
export async function failureOfProgram(folder: string, exitCode: number): Promise<string> {
  const written = await startOfFile(join(folder, "output", "failure"), 4 * maxLength);
  const text = written.trim().slice(0, maxLength - 50);
  if (/^(ClientError|AlgorithmError|InternalServerError):/.test(text)) return `${text}, exit code: ${exitCode}`;
  const reason = text === "" ? howItEnded(exitCode) : text;
  return `AlgorithmError: ${reason}, exit code: ${exitCode}`;
}

function howItEnded(exitCode: number): string {
  switch (exitCode) {
    case 126:
    case 127:
      return "the program could not be started; the log has its last lines";
    case 137:
      return "the program was killed, often for using more memory than there is";
    default:
      return "the program ended without writing output/failure; the log has its last lines";
  }
}

/** Why a job failed outside its program. */
export function failureOfJob(error: unknown): string {
  const { message } = error as Error;
  if (isDiskFull(error)) return `ClientError: no space is left on the disk: ${message}`.slice(0, maxLength);
  return `${isClientsFault(error) ? "ClientError" : "InternalServerError"}: ${message}`.slice(0, maxLength);
}

/** What the user can put right is the job's failure and nothing that whoever runs the server must hear of. */
export function isClientsFault(error: unknown): boolean {
  return error instanceof ClientError || error instanceof ArchiveError;
}
