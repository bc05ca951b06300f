// What a caller may set on a function: checked here once, with AWS's texts.
import type { CreateFunctionRequest, UpdateFunctionConfigurationRequest } from "@aws-sdk/client-lambda";
import { nodeRuntimes, pythonRuntimes } from "../../functions/interpreters.ts";
import { Fault } from "../../kit/fault.ts";
import { destinationKind } from "./destinations.ts";

/** Every runtime that Scones can run. */
const runtimes: readonly string[] = [...nodeRuntimes, ...pythonRuntimes];
const maxVariablesBytes = 4096;
/** Set by the platform; a function cannot have its own values. */
const reservedVariables = new Set([
  ...[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_RUNTIME_API",
  ],
  ...["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"],
  ...["AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"],
  ...["AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"],
  ...["LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"],
]);

type Settings = Partial<CreateFunctionRequest> | Partial<UpdateFunctionConfigurationRequest>;

export function checkSettings(settings: Settings): void {
  const {
    Runtime,
    Handler,
    Timeout,
    MemorySize,
    EphemeralStorage,
    Environment,
    Layers,
    DeadLetterConfig,
    LoggingConfig,
  } = settings;
  if (Runtime !== undefined && !runtimes.includes(Runtime)) {
    const set = `[${[...runtimes].reverse().join(", ")}]`;
    throw invalid(
      `Value ${Runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: ${set} or be a valid ARN`,
    );
  }
  if (Handler !== undefined && (!/^\S+$/.test(Handler) || Handler.length > 128)) {
    throw outside("handler", Handler, "Member must satisfy regular expression pattern: [^\\s]+");
  }
  checkRange("timeout", Timeout, [1, 900]);
  checkRange("memorySize", MemorySize, [128, 10_240]);
  checkRange("ephemeralStorage.size", EphemeralStorage?.Size, [512, 10_240]);
  checkVariables(Environment?.Variables ?? {});
  const { LogFormat = "Text", ApplicationLogLevel, SystemLogLevel } = LoggingConfig ?? {};
  if (LogFormat === "Text" && (ApplicationLogLevel ?? SystemLogLevel) !== undefined) {
    throw invalid("To define log levels, LogFormat must be JSON."); // a guess at the text
  }
  const deadLetterArn = DeadLetterConfig?.TargetArn;
  if (deadLetterArn && !["sqs", "sns"].includes(destinationKind(deadLetterArn) ?? "")) {
    throw invalid(`The provided target arn ${deadLetterArn} is invalid: dead letters go to a queue or a topic.`); // a guess
  }
  if (Layers !== undefined && Layers.length > 0) {
    throw invalid(
      "Layers are not available here: put their content into the function's package (see COMPATIBILITY.md)",
    );
  }
}

function checkRange(name: string, value: number | undefined, [least, most]: [number, number]): void {
  if (value === undefined) return;
  if (value < least) throw outside(name, value, `Member must have value greater than or equal to ${least}`);
  if (value > most) throw outside(name, value, `Member must have value less than or equal to ${most}`);
}

function checkVariables(variables: Record<string, string>): void {
  const reserved = Object.keys(variables).filter((name) => reservedVariables.has(name));
  if (reserved.length > 0) {
    throw invalid(
      "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. " +
        `Reserved keys used in this request: ${reserved.join(", ")}`,
    );
  }
  const wrong = Object.keys(variables).find((name) => !/^[a-zA-Z][a-zA-Z0-9_]+$/.test(name));
  if (wrong !== undefined) {
    throw outside("environment.variables", wrong, "Map keys must satisfy constraint: [a-zA-Z]([a-zA-Z0-9_])+");
  }
  const text = JSON.stringify(variables);
  if (Object.keys(variables).length > 0 && Buffer.byteLength(text) > maxVariablesBytes) {
    throw invalid(
      "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. " +
        `String measured: ${text}`,
    );
  }
}

export function invalid(message: string): Fault {
  return new Fault("InvalidParameterValueException", message, { members: { Type: "User" } });
}

function outside(name: string, value: unknown, constraint: string): Fault {
  return new Fault(
    "ValidationException",
    `1 validation error detected: Value '${value}' at '${name}' failed to satisfy constraint: ${constraint}`,
  );
}
