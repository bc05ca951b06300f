import { basename } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { table } from "../draw/text.ts";
import { type Clients, connect } from "./clients.ts";
import { exitCodes, type Invocation, textOption } from "./command.ts";
import { type ExecutionResult, imageInput, runExecution } from "./workflow/executions.ts";
import { stagedLabels } from "./workflow/labels.ts";
import { defaultBucket, names, stateMachineArn } from "./workflow/names.ts";
import { messageOf, outcomeOf } from "./workflow/outcome.ts";
import { readImage } from "./workflow/read-image.ts";
import { requiredStateMachine } from "./workflow/required.ts";
import { parseS3Uri } from "./workflow/s3-uri.ts";
import { contentTypeOf } from "./workflow/stage.ts";

export async function run(invocation: Invocation): Promise<number> {
  const { positionals, terminal, signal } = invocation;
  const clients = await connect(invocation);
  try {
    const bucket = textOption(invocation, "bucket") ?? defaultBucket(clients);
    const prefix = textOption(invocation, "prefix") ?? names.prefix;
    const arn = await requiredStateMachine(clients, stateMachineArn(clients, names.chain));
    const labels = await stagedLabels(clients, { bucket, prefix });
    const results = await Promise.all(
      positionals.map(async (image): Promise<ExecutionResult & { image: string }> => {
        const place = image.startsWith("s3://")
          ? parseS3Uri(image)
          : await upload(clients, bucket, `${prefix}/inbox/${basename(image)}`, image);
        const result = await runExecution(clients, arn, imageInput(place.bucket, place.key), signal);
        terminal.note(`${result.status === "SUCCEEDED" ? "✓" : "✗"} ${image}: ${endingOf(result)}`);
        return { ...result, image };
      }),
    );
    const rows = await Promise.all(
      results.map(async (result) => ({ image: result.image, ...(await outcomeOf(clients, result, labels)) })),
    );
    terminal.json(rows);
    if (!terminal.isJson) {
      const cells = rows.map((row) => [
        row.image,
        row.prediction ?? "-",
        row.confidence?.toFixed(3) ?? "-",
        row.status,
        row.error ?? "",
      ]);
      for (const line of table(
        ["image", "prediction", "confidence", "status", "error"].map((title) => ({ title })),
        cells,
      ))
        terminal.print(line);
    }
    return results.every((result) => result.status === "SUCCEEDED") ? exitCodes.done : exitCodes.failed;
  } finally {
    clients.close();
  }
}

function endingOf({ status, milliseconds, error, cause }: ExecutionResult): string {
  const why = error === undefined ? "" : `: ${error}${cause ? `, ${messageOf(cause)}` : ""}`;
  return `${status} after ${milliseconds} ms${why}`;
}

async function upload(
  clients: Clients,
  bucket: string,
  key: string,
  file: string,
): Promise<{ bucket: string; key: string }> {
  await clients.s3.send(
    new PutObjectCommand({ Bucket: bucket, Key: key, Body: await readImage(file), ContentType: contentTypeOf(file) }),
  );
  return { bucket, key };
}
