import type {
  CreateFunctionRequest,
  DeleteFunctionRequest,
  FunctionCode,
  LoggingConfig,
  UpdateFunctionCodeRequest,
  UpdateFunctionConfigurationRequest,
} from "@aws-sdk/client-lambda";
import { Fault } from "../../kit/fault.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { maxZippedBytes, tooLargeZipped } from "./code-package.ts";
import type { StoredCode } from "./code-store.ts";
import { deleteEventInvokeConfigs } from "./event-invoke-configs.ts";
import {
  type Configuration,
  checkRevision,
  type FunctionRecord,
  functionKind,
  specOf,
  versionKind,
} from "./function-records.ts";
import { arnOf, type LambdaContext, lastModified } from "./lambda-context.ts";
import { functionNotFound, parseFunctionName } from "./names.ts";
import { publish } from "./publish-version.ts";
import { checkSettings, invalid } from "./settings.ts";

export function writeHandlers(context: LambdaContext): Record<string, Handler> {
  return {
    CreateFunction: (input: CreateFunctionRequest, call) => createFunction(context, input, call),
    UpdateFunctionCode: (input: UpdateFunctionCodeRequest, call) => updateCode(context, input, call),
    UpdateFunctionConfiguration: (input: UpdateFunctionConfigurationRequest, call) =>
      updateConfiguration(context, input, call),
    DeleteFunction: (input: DeleteFunctionRequest, call) => deleteFunction(context, input, call),
  };
}

async function createFunction(context: LambdaContext, input: CreateFunctionRequest, call: Call): Promise<object> {
  const { resources, records, clock, environments } = context;
  const { name } = parseFunctionName(input.FunctionName!);
  if (input.PackageType === "Image" || input.Code?.ImageUri !== undefined) {
    throw invalid(
      "Container images are not available here: deploy the function as a zip archive (see COMPATIBILITY.md)",
    );
  }
  if (input.Runtime === undefined || input.Handler === undefined) {
    throw invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.");
  }
  checkSettings(input);
  if (records.find(name) !== undefined) throw alreadyThere(name);
  await environments.check(input.Runtime);
  const code = await storeCode(context, input.Code ?? {});
  const configuration: Configuration = {
    FunctionName: name,
    FunctionArn: arnOf(call, name),
    Runtime: input.Runtime,
    Role: input.Role,
    Handler: input.Handler,
    CodeSize: code.sizeBytes,
    Description: input.Description ?? "",
    Timeout: input.Timeout ?? 3,
    MemorySize: input.MemorySize ?? 128,
    LastModified: lastModified(clock),
    CodeSha256: code.sha256,
    Version: "$LATEST",
    ...(input.Environment?.Variables && { Environment: { Variables: input.Environment.Variables } }),
    ...(input.DeadLetterConfig?.TargetArn && { DeadLetterConfig: input.DeadLetterConfig }),
    TracingConfig: { Mode: input.TracingConfig?.Mode ?? "PassThrough" },
    RevisionId: clock.uuid(),
    State: "Active",
    LastUpdateStatus: "Successful",
    PackageType: "Zip",
    Architectures: input.Architectures ?? ["x86_64"],
    EphemeralStorage: { Size: input.EphemeralStorage?.Size ?? 512 },
    SnapStart: { ApplyOn: "None", OptimizationStatus: "Off" },
    RuntimeVersionConfig: {
      RuntimeVersionArn: `arn:aws:lambda:${call.region}::runtime:${code.sha256.replaceAll(/\W/g, "").toLowerCase()}`,
    },
    LoggingConfig: loggingOf({ LogGroup: `/aws/lambda/${name}`, ...input.LoggingConfig }),
  };
  const record: FunctionRecord = { configuration, tags: input.Tags ?? {}, statements: [], aliases: {}, lastVersion: 0 };
  if (!resources.create(functionKind, name, record)) throw alreadyThere(name);
  warm(context, record);
  return input.Publish ? publish(context, name, configuration.FunctionArn, {}) : configuration;
}

async function updateCode(context: LambdaContext, input: UpdateFunctionCodeRequest, call: Call): Promise<object> {
  const { records, clock } = context;
  const { name } = parseFunctionName(input.FunctionName!);
  const arn = arnOf(call, name);
  checkRevision(input.RevisionId, records.need(name, arn).configuration);
  const code = await storeCode(context, input);
  const change = {
    CodeSha256: code.sha256,
    CodeSize: code.sizeBytes,
    ...(input.Architectures && { Architectures: input.Architectures }),
  };
  if (input.DryRun) return { ...records.need(name, arn).configuration, ...change };
  const record = records.change(name, arn, (old) => {
    checkRevision(input.RevisionId, old.configuration);
    const renewed = { LastModified: lastModified(clock), RevisionId: clock.uuid() };
    return { ...old, configuration: { ...old.configuration, ...change, ...renewed } };
  });
  warm(context, record);
  return input.Publish ? publish(context, name, arn, {}) : record.configuration;
}

async function updateConfiguration(
  context: LambdaContext,
  input: UpdateFunctionConfigurationRequest,
  call: Call,
): Promise<object> {
  const { records, clock, environments } = context;
  const { name } = parseFunctionName(input.FunctionName!);
  const arn = arnOf(call, name);
  checkSettings(input);
  records.need(name, arn);
  if (input.Runtime !== undefined) await environments.check(input.Runtime);
  const record = records.change(name, arn, (old) => {
    checkRevision(input.RevisionId, old.configuration);
    const { Role, Handler, Description, Timeout, MemorySize, Runtime } = input;
    const given = { Role, Handler, Description, Timeout, MemorySize, Runtime };
    const { DeadLetterConfig = old.configuration.DeadLetterConfig } = input;
    const { DeadLetterConfig: _, ...kept } = old.configuration;
    const configuration: Configuration = {
      ...kept,
      ...(DeadLetterConfig?.TargetArn && { DeadLetterConfig }), // an empty one takes it away, as on AWS
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      ...(input.EphemeralStorage && { EphemeralStorage: input.EphemeralStorage }),
      ...(input.TracingConfig && { TracingConfig: { Mode: input.TracingConfig.Mode ?? "PassThrough" } }),
      ...(input.LoggingConfig && {
        LoggingConfig: loggingOf({ ...old.configuration.LoggingConfig, ...input.LoggingConfig }),
      }),
      ...(input.Environment && { Environment: { Variables: input.Environment.Variables ?? {} } }),
      LastModified: lastModified(clock),
      RevisionId: clock.uuid(),
    };
    return { ...old, configuration };
  });
  warm(context, record);
  return record.configuration;
}

function deleteFunction(
  { resources, records, environments }: LambdaContext,
  input: DeleteFunctionRequest,
  call: Call,
): object {
  const { name, qualifier } = parseFunctionName(input.FunctionName!, input.Qualifier);
  const arn = arnOf(call, name);
  records.need(name, arn);
  if (qualifier === "$LATEST") throw invalid("$LATEST version cannot be deleted without deleting the function.");
  if (qualifier !== undefined) {
    const version = resources
      .list<Configuration>(versionKind, { prefix: `${name}:` })
      .find((it) => it.value.Version === qualifier);
    if (version === undefined) throw functionNotFound(`${arn}:${qualifier}`);
    resources.delete(versionKind, version.id);
    environments.retire(name, qualifier);
    return { StatusCode: 204 };
  }
  resources.transaction(() => {
    for (const { id } of resources.list(versionKind, { prefix: `${name}:` })) resources.delete(versionKind, id);
    deleteEventInvokeConfigs(resources, name);
    resources.delete(functionKind, name);
  });
  environments.retire(name);
  return { StatusCode: 204 };
}

async function storeCode({ code, blobs }: LambdaContext, source: FunctionCode): Promise<StoredCode> {
  if (source.ZipFile !== undefined) return code.keep(source.ZipFile);
  if (source.S3Bucket === undefined || source.S3Key === undefined)
    throw invalid("Please provide a source for function code.");
  if (source.S3ObjectVersion !== undefined) {
    throw invalid("Versions of S3 objects are not available here: leave out S3ObjectVersion (see COMPATIBILITY.md)");
  }
  const object = await blobs.get(`${source.S3Bucket}/${source.S3Key}`);
  if (object === undefined) {
    throw invalid(
      "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
    );
  }
  if (object.sizeBytes > maxZippedBytes) {
    object.body.destroy();
    throw tooLargeZipped();
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of object.body as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return code.keep(Buffer.concat(chunks));
}

/** Levels belong to the format JSON, where they have defaults; as on AWS. */
function loggingOf({ LogFormat = "Text", LogGroup, ...levels }: LoggingConfig): LoggingConfig {
  if (LogFormat === "JSON") {
    const { ApplicationLogLevel = "INFO", SystemLogLevel = "INFO" } = levels;
    return { LogFormat, ApplicationLogLevel, SystemLogLevel, LogGroup };
  }
  return { LogFormat, LogGroup };
}

/** The first call after a deployment finds an environment that is already there. */
function warm({ environments, code, report }: LambdaContext, record: FunctionRecord): void {
  const spec = specOf(record, record.configuration, code.folderOf(record.configuration.CodeSha256));
  environments.warm(spec).catch((error: Error) => report(`${spec.name} could not be started ahead: ${error.message}`));
}

function alreadyThere(name: string): Fault {
  const message = `Function already exist: ${name}`;
  return new Fault("ResourceConflictException", message, { status: 409, members: { Type: "User" } });
}
