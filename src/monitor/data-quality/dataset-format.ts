import type { CaptureIndexName } from "./capture-rows.ts";
import { fieldsOf, MonitoringFileError, monitoringFile } from "./monitoring-file.ts";

/** How the data of a monitoring job is written. */
export type DatasetFormat =
  | { kind: "csv"; hasHeader: boolean }
  | { kind: "json"; hasLines: boolean }
  | { kind: "capture"; captureIndexNames: CaptureIndexName[] };

const indexNames = ["endpointInput", "endpointOutput", "batchTransformInput", "batchTransformOutput"] as const;

/** Reads the `dataset_format` of an analyzer's environment. Throws `MonitoringFileError`. */
export function parseDatasetFormat(text: string): DatasetFormat {
  const fields = fieldsOf(monitoringFile("dataset_format", text));
  const csv = fields.object("csv");
  // The SDK writes true, the console "true".
  if (csv) return { kind: "csv", hasHeader: isTrue(csv.value("header")) };
  const json = fields.object("json");
  if (json) return { kind: "json", hasLines: isTrue(json.value("lines") ?? json.value("line") ?? true) };
  const capture = fields.object("sagemakerCaptureJson");
  if (capture) {
    const given = capture.texts("captureIndexNames") ?? ["endpointInput", "endpointOutput"];
    const unknown = given.filter((name) => !(indexNames as readonly string[]).includes(name));
    if (unknown.length > 0)
      throw new MonitoringFileError(
        `dataset_format: captureIndexNames has ${unknown.join(", ")}, expected some of ${indexNames.join(", ")}`,
      );
    return { kind: "capture", captureIndexNames: given as CaptureIndexName[] };
  }
  throw new MonitoringFileError(
    `dataset_format is ${text.slice(0, 80)}, expected csv, json or sagemakerCaptureJson${fields.object("parquet") ? ": Parquet is not read, write the data as CSV or JSON" : ""}`,
  );
}

function isTrue(value: unknown): boolean {
  return value === true || (typeof value === "string" && value.toLowerCase() === "true");
}
