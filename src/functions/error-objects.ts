// The error objects of the platform itself, text by text as AWS answers them. None has a stack trace.

/** The largest result of a synchronous invocation: 6 MiB and a little, as on AWS. */
export const maxResponseBytes = 6_291_556;

export function timedOut(requestId: string, timeoutMs: number): Uint8Array {
  return errorObject("Sandbox.Timedout", `RequestId: ${requestId} Error: ${timedOutText(timeoutMs)}`);
}

export function timedOutText(timeoutMs: number): string {
  return `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
}

export function exited(requestId: string, exit: Exit): Uint8Array {
  return errorObject("Runtime.ExitError", `RequestId: ${requestId} Error: ${exitText(exit)}`);
}

export function exitText({ code, signal }: Exit): string {
  if (signal !== undefined) return `Runtime exited with error: signal: ${signalWords[signal] ?? signal}`;
  if (code === 0) return "Runtime exited without providing a reason";
  return `Runtime exited with error: exit status ${code}`;
}

export function responseTooLarge(): Uint8Array {
  const message = `Response payload size exceeded maximum allowed payload size (${maxResponseBytes} bytes).`;
  return Buffer.from(JSON.stringify({ errorMessage: message, errorType: "Function.ResponseSizeTooLarge" }));
}

export interface Exit {
  code: number | null;
  signal?: string;
}

// Go's words for signals, because the platform on AWS is written in Go.
const signalWords: Record<string, string> = {
  SIGKILL: "killed",
  SIGABRT: "aborted",
  SIGSEGV: "segmentation fault",
  SIGTERM: "terminated",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGILL: "illegal instruction",
  SIGHUP: "hangup",
  SIGINT: "interrupt",
};

function errorObject(errorType: string, errorMessage: string): Uint8Array {
  return Buffer.from(JSON.stringify({ errorType, errorMessage }));
}
