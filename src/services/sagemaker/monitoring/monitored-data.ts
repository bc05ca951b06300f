import type { Blobs } from "../../../ports/blobs.ts";
import type { Resources } from "../../../ports/resources.ts";
import { kindOf, parseS3Uri } from "../resource-names.ts";
import { captureSettingsOf, type StoredEndpoint } from "../stored-endpoint.ts";
import { type Definition, endpointNameOf } from "./job-definition.ts";
import { hourMs, type Window } from "./timetable.ts";

/** What a processing job is to fetch: a folder or a manifest, and where below the input's local path it goes. */
export interface MonitoredPart {
  uri: string;
  place: string;
  isManifest?: true;
}

/** Why nothing can be monitored. */
export class NothingToMonitor extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NothingToMonitor";
  }
}

/** As AWS says it. */
const noData = "Job inputs had no data";

/**
 * The captures of a window, by the hours of their files: a record belongs to the hour in which its file was begun, as on AWS.
 * Throws `NothingToMonitor` when there are none.
 */
export async function monitoredParts(
  definition: Definition,
  window: Window,
  { resources, blobs }: { resources: Resources; blobs: Blobs },
): Promise<MonitoredPart[]> {
  const endpointName = endpointNameOf(definition);
  const parts =
    endpointName === undefined
      ? await manifests(definition, window, blobs)
      : await captureFolders(capturePlaceOf(resources, endpointName), window, blobs);
  if (parts.length === 0) throw new NothingToMonitor(noData);
  return parts;
}

/** Labels that came since the window began. Throws `NothingToMonitor` when there are none. */
export async function groundTruthParts(uri: string, window: Window, blobs: Blobs): Promise<MonitoredPart[]> {
  const base = keyOf(uri);
  const parts: MonitoredPart[] = [];
  for (const hour of hoursOf(window)) {
    if (await hasObjects(blobs, `${base}/${hour}/`)) parts.push({ uri: `s3://${base}/${hour}`, place: hour });
  }
  if (parts.length === 0) throw new NothingToMonitor(noData);
  return parts;
}

/** All below an address. Throws `NothingToMonitor` when there is nothing. */
export async function partBelow(uri: string, blobs: Blobs): Promise<MonitoredPart> {
  if (await hasObjects(blobs, `${keyOf(uri)}/`)) return { uri, place: "" };
  throw new NothingToMonitor(noData);
}

export interface CapturePlace {
  endpointName: string;
  /** Blob key before the names of variants, without a slash at the end. */
  prefix: string;
  /** Variants that only listen: what they answer reaches nobody. */
  shadows: readonly string[];
}

/** Where an endpoint's captures lie. Throws `NothingToMonitor` with what is missing. */
export function capturePlaceOf(resources: Resources, endpointName: string): CapturePlace {
  const endpoint = resources.get<StoredEndpoint>(kindOf("endpoint"), endpointName)?.value;
  if (endpoint === undefined) throw new NothingToMonitor(`Could not find endpoint "${endpointName}".`);
  const snapshot = endpoint.current ?? endpoint.pending;
  const settings = captureSettingsOf(snapshot?.capture);
  if (settings === undefined) {
    throw new NothingToMonitor(
      `Data capture is not enabled for endpoint "${endpointName}": give its config a DataCaptureConfig.`,
    );
  }
  const shadows = (snapshot?.shadows ?? []).map(({ name }) => name);
  return { endpointName, prefix: `${settings.destination}/${endpointName}`, shadows };
}

async function captureFolders(place: CapturePlace, window: Window, blobs: Blobs): Promise<MonitoredPart[]> {
  const { commonPrefixes } = await blobs.list({ prefix: `${place.prefix}/`, delimiter: "/" });
  const variants = commonPrefixes.map((prefix) => prefix.slice(place.prefix.length + 1, -1));
  const parts: MonitoredPart[] = [];
  for (const variant of variants.filter((name) => !place.shadows.includes(name))) {
    for (const hour of hoursOf(window)) {
      const folder = `${place.prefix}/${variant}/${hour}`;
      if (!(await hasObjects(blobs, `${folder}/`))) continue;
      parts.push({ uri: `s3://${folder}`, place: `${place.endpointName}/${variant}/${hour}` });
    }
  }
  return parts;
}

/** A batch transform captures lists of its input objects, a manifest for each job. */
async function manifests({ MonitoringInputs }: Definition, window: Window, blobs: Blobs): Promise<MonitoredPart[]> {
  const base = keyOf(MonitoringInputs?.[0]?.BatchTransformInput?.DataCapturedDestinationS3Uri as string);
  const parts: MonitoredPart[] = [];
  for (const hour of hoursOf(window)) {
    const prefix = `${base}/input/${hour}/`;
    const { blobs: found } = await blobs.list({ prefix });
    for (const { key } of found) {
      parts.push({ uri: `s3://${key}`, place: `${hour}/${key.slice(prefix.length)}`, isManifest: true });
    }
  }
  return parts;
}

/** `yyyy/mm/dd/hh` of every hour that a window touches. */
function hoursOf({ startMs, endMs }: Window): string[] {
  const hours: string[] = [];
  for (let ms = Math.floor(startMs / hourMs) * hourMs; ms < endMs; ms += hourMs) hours.push(hourPath(ms));
  return hours;
}

export function hourPath(ms: number): string {
  return new Date(ms).toISOString().slice(0, 13).replace(/[-T]/g, "/");
}

async function hasObjects(blobs: Blobs, prefix: string): Promise<boolean> {
  return (await blobs.list({ prefix, maxKeys: 1 })).blobs.length > 0;
}

function keyOf(uri: string): string {
  const { bucket, key } = parseS3Uri(uri);
  return [bucket, ...key.split("/").filter((part) => part !== "")].join("/");
}
