import { Fault } from "../../kit/fault.ts";
import type { Call } from "../../wire/service.ts";

/** What the service keeps, by the word in its ARN; also the kind under which the Resources port keeps it. */
export type ResourceWord =
  | "training-job"
  | "transform-job"
  | "hyper-parameter-tuning-job"
  | "processing-job"
  | "monitoring-schedule"
  | "data-quality-job-definition"
  | "model-quality-job-definition"
  | "model-package-group"
  | "model-package"
  | "model"
  | "endpoint-config"
  | "endpoint";

export function kindOf(word: ResourceWord): string {
  return `sagemaker/${word}`;
}

export function arnOf(
  word: ResourceWord,
  name: string,
  { region, accountId }: Pick<Call, "region" | "accountId">,
): string {
  return `arn:aws:sagemaker:${region}:${accountId}:${word}/${name}`;
}

/** Those whose absence AWS tells of in one way. */
type SpokenWord = "model" | "endpoint-config" | "endpoint";

const spoken: Record<SpokenWord, string> = {
  model: "model",
  "endpoint-config": "endpoint configuration",
  endpoint: "endpoint",
};

/** As AWS answers: `Could not find endpoint "arn:..."`. */
export function notFound(word: SpokenWord, name: string, call: Call): Fault {
  return invalid(`Could not find ${spoken[word]} "${arnOf(word, name, call)}".`);
}

/** As AWS answers: `Cannot create already existing model "arn:..."`. */
export function alreadyExists(word: SpokenWord, name: string, call: Call): Fault {
  return invalid(`Cannot create already existing ${spoken[word]} "${arnOf(word, name, call)}".`);
}

export function invalid(message: string): Fault {
  return new Fault("ValidationException", message);
}

/** What AWS has and Scones has not: refused by name, never passed over. */
export function notSupported(what: string): Fault {
  return invalid(`${what} is not supported by Scones (see COMPATIBILITY.md).`);
}

/** Bucket and key of an `s3://` address; the key may be empty. */
export function parseS3Uri(uri: string): { bucket: string; key: string } {
  const match = /^s3:\/\/([^/]+)\/?(.*)$/.exec(uri);
  if (match === null) throw invalid(`"${uri}" is not an address of the form s3://bucket/key.`);
  return { bucket: match[1] as string, key: match[2] as string };
}
