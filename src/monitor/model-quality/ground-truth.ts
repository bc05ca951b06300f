import { captureRows } from "../data-quality/capture-rows.ts";
import { parseCsv } from "../data-quality/csv.ts";
import { type Fields, fieldsOf, MonitoringFileError, monitoringFile } from "../data-quality/monitoring-file.ts";
import type { Cell, Row } from "../data-quality/row.ts";
import { parseCaptures } from "../parse-captures.ts";

/*
 * Labels arrive later than the answers they judge, in files of their own. A captured record belongs to its `inferenceId` where the
 * caller gave one, else to its `eventId`; a label always carries the id as `eventId`.
 */

/** About 500 MB of labels: more than a day of what one machine answers. */
const mostLabels = 2_000_000;

/** The column that the labels of a merge are in. */
export const groundTruthColumn = "groundTruth";

export interface GroundTruth {
  /** Takes a line of a file of labels. A later label of the same id replaces an earlier one. Throws `MonitoringFileError` for what is none. */
  add(line: string): void;
  /** A line of a capture file with its label, undefined when nobody labelled it. Throws `MonitoringFileError` for what is no record. */
  join(line: string): string | undefined;
  readonly labelCount: number;
}

export function createGroundTruth(): GroundTruth {
  const labels = new Map<string, unknown>();
  return {
    add(line) {
      const { record, metadata } = recordIn("ground truth", line);
      // Read in full now, so that a label that cannot be read is told of where it came from.
      valuesIn(record);
      labels.set(metadata.required("eventId", metadata.text("eventId")), record.value("groundTruthData"));
      if (labels.size > mostLabels)
        throw new RangeError(`there are more than ${mostLabels} labels: merge a shorter window`);
    },
    join(line) {
      const { members, metadata } = recordIn("capture", line);
      const id = metadata.text("inferenceId") ?? metadata.required("eventId", metadata.text("eventId"));
      const groundTruthData = labels.get(id);
      if (groundTruthData === undefined) return undefined;
      const eventMetadata = { ...(members["eventMetadata"] as object), eventId: id };
      return JSON.stringify({ ...members, groundTruthData, eventMetadata });
    },
    get labelCount() {
      return labels.size;
    },
  };
}

/** What the model answered and what was true, of a joined line; one row for each row of the request. Throws `MonitoringFileError` or `CaptureBodyError`. */
export function labelledRows(line: string): Row[] {
  const values = valuesIn(recordIn("joined record", line).record);
  const { records, problems } = parseCaptures(line);
  for (const { message } of problems) throw new MonitoringFileError(`joined record: ${message}`);
  return records
    .flatMap((capture) => captureRows(capture, { captureIndexNames: ["endpointOutput"] }))
    .map((row, i) => new Map<string, Cell>([...row, [groundTruthColumn, values[i]]]));
}

function recordIn(file: string, line: string) {
  const place = monitoringFile(file, line);
  const record = fieldsOf(place);
  const metadata = record.required("eventMetadata", record.object("eventMetadata"));
  return { record, metadata, members: place.value as Record<string, unknown> };
}

/** One label, or one per row of a request that asked for several. */
function valuesIn(record: Fields): string[] {
  const truth = record.required("groundTruthData", record.object("groundTruthData"));
  const data = String(truth.required("data", truth.value("data")));
  switch (truth.choice("encoding", ["CSV", "JSON", "BASE64"]) ?? "CSV") {
    case "CSV":
      return parseCsv(data).map(([first = ""]) => first);
    case "BASE64":
      return parseCsv(Buffer.from(data, "base64").toString("utf8")).map(([first = ""]) => first);
    case "JSON":
      return scalarsIn(data);
  }
}

function scalarsIn(data: string): string[] {
  const { value } = monitoringFile("groundTruthData.data", data);
  const values = Array.isArray(value) ? value : [value];
  if (values.some((one) => typeof one === "object"))
    throw new MonitoringFileError(`groundTruthData.data is ${data.slice(0, 60)}, expected a label or a list of labels`);
  return values.map(String);
}
