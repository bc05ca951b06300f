import { setMaxListeners } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ProcessingOutput } from "@aws-sdk/client-sagemaker";
import type { Blobs } from "../../../ports/blobs.ts";
import { downloadSource } from "../download-objects.ts";
import type { FolderToStore } from "../folder-sync.ts";
import { mlRoot } from "../ml-place.ts";
import { invalid, parseS3Uri } from "../resource-names.ts";
import { startOfFile } from "../start-of-file.ts";
import { maxRuntimeSecondsOf, type ProcessingRequest, type StoredProcessingJob } from "./processing-job.ts";

/** As AWS bounds an ExitMessage. */
const maxMessageLength = 1024;

/** Refuses local paths outside the part of /opt/ml that AWS gives to jobs. */
export function checkLocalPath(member: string, localPath: string | undefined): void {
  if (localPath === undefined) throw invalid(`${member} needs a LocalPath.`);
  const isInside = localPath === `${mlRoot}/processing` || localPath.startsWith(`${mlRoot}/processing/`);
  if (!isInside || localPath.split("/").some((part) => part === "." || part === "..")) {
    throw invalid(`${member} has the LocalPath "${localPath}"; it must begin with ${mlRoot}/processing/.`);
  }
}

/** Makes the folder that stands for /opt/ml, with its configuration and the folders of its outputs, without its inputs. */
export async function layOutFolder(ml: string, job: StoredProcessingJob): Promise<void> {
  const { request } = job;
  await rm(ml, { recursive: true, force: true });
  for (const name of ["config", "output", "processing"]) await mkdir(join(ml, name), { recursive: true });
  for (const { localPath } of outputsOf(request)) await mkdir(placeOf(ml, localPath), { recursive: true });
  const resources = { current_host: "algo-1", hosts: ["algo-1"], network_interface_name: "lo" };
  await writeFile(join(ml, "config", "resourceconfig.json"), JSON.stringify(resources));
  await writeFile(join(ml, "config", "processingjobconfig.json"), JSON.stringify(jobConfig(job)));
}

/** What the program finds of the request; absent lists are null, as on AWS. */
function jobConfig({ arn, name, request }: StoredProcessingJob) {
  const { AppSpecification, ProcessingInputs = [], ProcessingOutputConfig } = request;
  return {
    ProcessingJobArn: arn,
    ProcessingJobName: name,
    Environment: request.Environment ?? {},
    AppSpecification: { ContainerEntrypoint: null, ContainerArguments: null, ...AppSpecification },
    ProcessingInputs,
    ProcessingOutputConfig: { KmsKeyId: null, Outputs: [], ...ProcessingOutputConfig },
    ProcessingResources: request.ProcessingResources,
    RoleArn: request.RoleArn,
    StoppingCondition: { MaxRuntimeInSeconds: maxRuntimeSecondsOf(request) },
  };
}

/** Fetches every input to its local path. Throws `ClientError` for data that is not there. */
export async function downloadInputs(
  ml: string,
  { request, blobs, signal }: { request: ProcessingRequest; blobs: Blobs; signal: AbortSignal },
): Promise<void> {
  setMaxListeners(0, signal); // every download under way listens to it
  for (const { AppManaged, S3Input } of request.ProcessingInputs ?? []) {
    if (AppManaged === true || S3Input === undefined) continue; // the program fetches it itself
    const target = placeOf(ml, S3Input.LocalPath as string);
    await mkdir(target, { recursive: true });
    const { S3DataType, S3Uri } = S3Input;
    await downloadSource({ S3DataType, S3Uri }, { blobs, target, signal });
  }
}

export interface Output extends Pick<FolderToStore, "prefix"> {
  localPath: string;
  isContinuous: boolean;
}

/** What the service stores of a job; what the program stores itself is left out. */
export function outputsOf({ ProcessingOutputConfig }: ProcessingRequest): Output[] {
  const stored = (ProcessingOutputConfig?.Outputs ?? []).filter(({ AppManaged }) => AppManaged !== true);
  return stored.flatMap(({ S3Output }: ProcessingOutput) => {
    if (S3Output === undefined) return [];
    const { bucket, key } = parseS3Uri(S3Output.S3Uri as string);
    const prefix = [bucket, ...key.split("/").filter((part) => part !== "")].join("/");
    return [{ prefix, localPath: S3Output.LocalPath as string, isContinuous: S3Output.S3UploadMode === "Continuous" }];
  });
}

/** Where a local path lies below the folder that stands for /opt/ml. */
export function placeOf(ml: string, localPath: string): string {
  return join(ml, localPath.slice(mlRoot.length));
}

/** What the program says of its end beside its exit code; `undefined` when it said nothing. */
export async function exitMessageOf(ml: string): Promise<string | undefined> {
  const text = await startOfFile(join(ml, "output", "message"), 4 * maxMessageLength);
  return text.trim().slice(0, maxMessageLength) || undefined;
}
