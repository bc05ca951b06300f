import { isDiskFull } from "../kit/disk-full.ts";
import { exitCodes, UsageError } from "./command.ts";

/** What a user is told of a failure, and with which code the process ends. */
export interface Explanation {
  message: string;
  exitCode: number;
}

interface SystemError extends Error {
  code?: string;
  syscall?: string;
  path?: string;
  address?: string;
  port?: number;
  /** On errors that an AWS client made of an answer. */
  $metadata?: object;
}

const unreachable = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"]);

const fileTroubles: Record<string, string> = {
  ENOENT: "there is no such file or folder",
  EACCES: "permission is missing",
  EPERM: "permission is missing",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of it is a file, not a folder",
  EEXIST: "a file is in its place",
  ENOSPC: "the disk is full",
  EROFS: "it may only be read",
};

/** Says a failure in one sentence: what was tried, on what, and where it helps, what to do. Never a stack. */
export function explain(error: unknown, endpointUrl: string): Explanation {
  if (error instanceof UsageError) return { message: error.message, exitCode: exitCodes.wrongUse };
  const failure = error as SystemError;
  const code = failure.code ?? "";
  if (failure.syscall === "listen") return { message: listenMessage(failure), exitCode: exitCodes.failed };
  if (unreachable.has(code) && failure.syscall !== "spawn") {
    return {
      message: `nothing answers at ${endpointUrl}; start Scones with: scones up, or say where it is with --endpoint`,
      exitCode: exitCodes.unreachable,
    };
  }
  const trouble = fileTroubles[code];
  if (trouble !== undefined && failure.syscall !== undefined) {
    const place = failure.path === undefined ? "a file" : failure.path;
    return { message: `cannot ${failure.syscall} ${place}: ${trouble}`, exitCode: exitCodes.failed };
  }
  if (isDiskFull(failure)) {
    return { message: "no space is left on the disk of the data folder: make room there", exitCode: exitCodes.failed };
  }
  const message = failure.message || failure.name;
  return { message: failure.$metadata ? `${failure.name}: ${message}` : message, exitCode: exitCodes.failed };
}

function listenMessage({ code, address, port, message }: SystemError): string {
  if (code === "EADDRINUSE")
    return `port ${port} of ${address} is in use by another program; end that one, or choose another port with --port`;
  if (code === "EACCES") return `port ${port} may not be listened on by this user; choose one above 1023 with --port`;
  if (code === "EADDRNOTAVAIL") return `${address} is not an address of this machine; choose one that is with --host`;
  return message;
}
