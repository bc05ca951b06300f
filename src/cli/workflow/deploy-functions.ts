import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import {
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  ResourceNotFoundException,
  type Runtime,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import { build } from "esbuild";
import { ZipFile } from "yazl";
import type { Clients } from "../clients.ts";
import { roleArn } from "./names.ts";

export interface FunctionSource {
  name: string;
  /** A `.ts`, `.js` or `.mjs` file exporting `handler`, or a `.py` file defining `lambda_handler`. */
  file: string;
  environment: Record<string, string>;
}

const timeoutSeconds = 30;
const memoryMegabytes = 256;
const waitSeconds = 60;

/** Creates the function, or replaces the code and configuration of the one that is there; ends when it can be invoked. */
export async function deployFunction(clients: Clients, source: FunctionSource): Promise<void> {
  const code = await packageOf(source.file);
  const configuration = {
    FunctionName: source.name,
    Runtime: code.runtime,
    Handler: code.handler,
    Role: roleArn(clients),
    Timeout: timeoutSeconds,
    MemorySize: memoryMegabytes,
    Environment: { Variables: source.environment },
  };
  const waiting = { client: clients.lambda, maxWaitTime: waitSeconds, minDelay: 1 };
  if (!(await functionExists(clients, source.name))) {
    await clients.lambda.send(new CreateFunctionCommand({ ...configuration, Code: { ZipFile: code.zip } }));
    await waitUntilFunctionActiveV2(waiting, { FunctionName: source.name });
    return;
  }
  await clients.lambda.send(new UpdateFunctionCodeCommand({ FunctionName: source.name, ZipFile: code.zip }));
  await waitUntilFunctionUpdatedV2(waiting, { FunctionName: source.name });
  await clients.lambda.send(new UpdateFunctionConfigurationCommand(configuration));
  await waitUntilFunctionUpdatedV2(waiting, { FunctionName: source.name });
}

async function functionExists(clients: Clients, name: string): Promise<boolean> {
  try {
    await clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    return true;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return false;
    throw error;
  }
}

interface CodePackage {
  zip: Uint8Array;
  runtime: Runtime;
  handler: string;
}

async function packageOf(file: string): Promise<CodePackage> {
  if (extname(file) === ".py") {
    const moduleName = basename(file, ".py");
    return {
      zip: await zipOf(basename(file), await readFile(file)),
      runtime: "python3.11",
      handler: `${moduleName}.lambda_handler`,
    };
  }
  // The AWS SDK is part of the Node.js runtimes, here as on AWS, so it stays outside the bundle.
  const bundle = await build({
    entryPoints: [file],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["@aws-sdk/*", "@smithy/*"],
    logLevel: "silent",
  });
  const output = bundle.outputFiles[0];
  if (!output) throw new Error(`${file} bundled to nothing`);
  return {
    zip: await zipOf("index.mjs", Buffer.from(output.contents)),
    runtime: "nodejs20.x",
    handler: "index.handler",
  };
}

async function zipOf(name: string, bytes: Buffer): Promise<Uint8Array> {
  const zip = new ZipFile();
  // A fixed time, so that the same code has the same digest and an unchanged function stays warm.
  zip.addBuffer(bytes, name, { mtime: new Date(315_532_800_000) });
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
