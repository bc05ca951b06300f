import { CreateFunctionCommand, InvokeCommand, type LambdaClient, type Runtime } from "@aws-sdk/client-lambda";
import { ZipFile } from "yazl";

/** Makes a function of one file, as an archive in the request; its handler is `index.handler` unless another is named. */
export async function createFunction(
  lambda: LambdaClient,
  options: { name: string; runtime: Runtime; file: string; source: string; timeoutSeconds?: number; handler?: string },
): Promise<void> {
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: options.name,
      Runtime: options.runtime,
      Handler: options.handler ?? "index.handler",
      Role: "arn:aws:iam::000000000000:role/test",
      Code: { ZipFile: await zipOf(options.file, options.source) },
      Timeout: options.timeoutSeconds ?? 30,
    }),
  );
}

/** What the function answers, or its error object. */
export async function invoke(lambda: LambdaClient, name: string): Promise<Record<string, unknown>> {
  const answer = await lambda.send(new InvokeCommand({ FunctionName: name, Payload: "{}" }));
  return JSON.parse(Buffer.from(answer.Payload ?? []).toString()) as Record<string, unknown>;
}

async function zipOf(file: string, source: string): Promise<Buffer> {
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from(source), file);
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks);
}
