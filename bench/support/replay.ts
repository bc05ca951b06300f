import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { invocation } from "./model.ts";
import type { Credential } from "./request.ts";

interface CapturedInput {
  observedContentType: string;
  data: string;
  encoding: "BASE64" | "JSON" | "CSV";
}

/** Every request that the capture files below a folder remember, in the order of their inferences. */
export function capturedRequests(folder: string, url: string, credential: Credential): Buffer[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".jsonl"));
  const records = files
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line.trim() !== "")
    .map(
      (line) =>
        JSON.parse(line) as {
          captureData: { endpointInput?: CapturedInput };
          eventMetadata: { inferenceTime: string };
        },
    )
    .sort((one, other) => one.eventMetadata.inferenceTime.localeCompare(other.eventMetadata.inferenceTime));
  return records.flatMap(({ captureData: { endpointInput: input } }) => {
    if (input === undefined) return [];
    const body = Buffer.from(input.data, input.encoding === "BASE64" ? "base64" : "utf8");
    return [invocation(url, body, { credential, contentType: input.observedContentType })];
  });
}
