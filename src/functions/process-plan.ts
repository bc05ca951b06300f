import type { EnvironmentOptions } from "./environment.ts";
import type { FunctionSpec } from "./function-spec.ts";
import type { Interpreter } from "./interpreters.ts";
import { functionPath, type Place } from "./isolation.ts";

/**
 * The kernel's limit counts what is reserved: libraries, compiled code and the stacks of threads too, not only what the
 * handler uses. So much is added to MemorySize that three lines of boto3 run in the default 128 MB. (AWS counts resident memory.)
 */
const overheadMb = 256;

/** What one process of the function may allocate before the kernel refuses. */
export function memoryBytes(spec: FunctionSpec): number {
  return (spec.memoryMb + overheadMb) * 1024 * 1024;
}

/** The command line of an environment's process. */
export function processCommand(spec: FunctionSpec, interpreter: Interpreter, place: Place): string[] {
  if (spec.runtime.startsWith("nodejs")) {
    return [interpreter.path, `--max-old-space-size=${spec.memoryMb}`, `${place.bootstrapFolder}/node.mjs`];
  }
  // -B: code folders are shared and read-only; -u: output is in the log when the process dies; utf8 whatever the locale.
  const flags = ["-B", "-u", "-X", "utf8"];
  const extras = `${place.bootstrapFolder}/extras`;
  return [interpreter.path, ...flags, `${place.bootstrapFolder}/python.py`, extras];
}

/** The whole environment of the process: nothing of the server's own is passed on. */
export function processVariables(
  { spec, place, extraVariables }: EnvironmentOptions,
  { runtimeApi, logStream }: { runtimeApi: string; logStream: string },
): Record<string, string> {
  const region = spec.arn.split(":")[3] ?? "us-east-1";
  return {
    TZ: ":UTC",
    LANG: "en_US.UTF-8",
    PATH: functionPath,
    LD_LIBRARY_PATH: `${place.taskRoot}:${place.taskRoot}/lib`,
    // Not the server's own home: what lies in ~/.aws there is none of the function's business.
    HOME: place.tmpFolder,
    ...(place.tmpFolder === "/tmp" ? {} : { TMPDIR: place.tmpFolder }),
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_DISABLE_HOST_PREFIX_INJECTION: "true", // a literal address cannot carry the prefix of StartSyncExecution
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true", // a line in every function's log that nobody there can act on
    ...extraVariables,
    ...spec.variables,
    _HANDLER: spec.handler,
    PWD: place.taskRoot,
    LAMBDA_TASK_ROOT: place.taskRoot,
    LAMBDA_RUNTIME_DIR: place.runtimeFolder,
    AWS_LAMBDA_RUNTIME_API: runtimeApi,
    AWS_EXECUTION_ENV: `AWS_Lambda_${spec.runtime}`,
    AWS_LAMBDA_FUNCTION_NAME: spec.name,
    AWS_LAMBDA_FUNCTION_VERSION: spec.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: spec.logGroup,
    AWS_LAMBDA_LOG_FORMAT: spec.log.format,
    ...(spec.log.format === "JSON" && { AWS_LAMBDA_LOG_LEVEL: spec.log.applicationLevel }),
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
  };
}
