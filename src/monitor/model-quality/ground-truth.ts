import type { CaptureRecord } from "../capture-record.ts";
import { captureRows } from "../data-quality/capture-rows.ts";
import { parseCsv } from "../data-quality/csv.ts";
import { fieldsOf, MonitoringFileError, monitoringFile } from "../data-quality/monitoring-file.ts";
import type { Cell, Row } from "../data-quality/row.ts";

/** About 500 MB of labels: more than a day of what one machine answers. */
const mostLabels = 2_000_000;

/** The column that the labels of a merge are in. */
export const groundTruthColumn = "groundTruth";

export interface GroundTruth {
  /** Reads the labels of one file, a JSON record per line; answers the lines that are none. A later label of the same id replaces an earlier one. */
  add(text: string, file?: string): GroundTruthProblem[];
  /**
   * The rows of a capture with its labels, none when nobody labelled it. A capture belongs to its `inferenceId` where the
   * caller gave one, else to its `eventId`; the labels always carry theirs as `eventId`.
   */
  merge(capture: CaptureRecord): Row[];
  readonly labelCount: number;
  /** Labels that no capture has asked for so far. */
  readonly unmatchedCount: number;
}

export interface GroundTruthProblem {
  file?: string;
  /** From 1. */
  line: number;
  message: string;
}

export function createGroundTruth(): GroundTruth {
  const labels = new Map<string, string[]>();
  const matched = new Set<string>();
  return {
    add(text, file) {
      const problems: GroundTruthProblem[] = [];
      text
        .replace(/^\uFEFF/, "")
        .split("\n")
        .forEach((line, i) => {
          if (line.trim() === "") return;
          try {
            const { id, values } = labelIn(line);
            labels.set(id, values);
          } catch (error) {
            if (!(error instanceof MonitoringFileError)) throw error;
            problems.push({ ...(file !== undefined && { file }), line: i + 1, message: error.message });
          }
          if (labels.size > mostLabels)
            throw new RangeError(`there are more than ${mostLabels} labels: merge a shorter window`);
        });
      return problems;
    },
    merge(capture) {
      const id = capture.inferenceId ?? capture.eventId;
      const values = labels.get(id);
      if (values === undefined) return [];
      matched.add(id);
      const rows = captureRows(capture, { captureIndexNames: ["endpointOutput"] });
      return rows.map((row, i) => new Map<string, Cell>([...row, [groundTruthColumn, values[i]]]));
    },
    get labelCount() {
      return labels.size;
    },
    get unmatchedCount() {
      return labels.size - matched.size;
    },
  };
}

/** One label, or one per row of a request that asked for several. */
function labelIn(line: string): { id: string; values: string[] } {
  const record = fieldsOf(monitoringFile("ground truth", line));
  const truth = record.required("groundTruthData", record.object("groundTruthData"));
  const data = String(truth.required("data", truth.value("data")));
  const metadata = record.required("eventMetadata", record.object("eventMetadata"));
  const id = metadata.required("eventId", metadata.text("eventId"));
  switch (truth.choice("encoding", ["CSV", "JSON", "BASE64"]) ?? "CSV") {
    case "CSV":
      return { id, values: parseCsv(data).map(([first = ""]) => first) };
    case "BASE64":
      return { id, values: parseCsv(Buffer.from(data, "base64").toString("utf8")).map(([first = ""]) => first) };
    case "JSON":
      return { id, values: scalarsIn(data) };
  }
}

function scalarsIn(data: string): string[] {
  const { value } = monitoringFile("groundTruthData.data", data);
  const values = Array.isArray(value) ? value : [value];
  if (values.some((one) => typeof one === "object"))
    throw new MonitoringFileError(`groundTruthData.data is ${data.slice(0, 60)}, expected a label or a list of labels`);
  return values.map(String);
}
