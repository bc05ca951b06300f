import { createReadStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { linesOf } from "../../../../monitor/data-quality/lines.ts";
import { MonitoringFileError } from "../../../../monitor/data-quality/monitoring-file.ts";
import { filesOf } from "./dataset.ts";

/*
 * Joins what an endpoint captured with labels: each captured record that has one is written again with it, in a file of the same name.
 * A record belongs to its `inferenceId` where the caller gave one, else to its `eventId`; a label carries the id as `eventId`.
 */

export interface MergeSettings {
  /** Folders of captures and of labels. */
  captures: string;
  labels: string;
  output: string;
}

/** About 500 MB of labels: more than a day of what one machine answers. */
const mostLabels = 2_000_000;

export function mergeSettings(environment: Readonly<Record<string, string | undefined>>): MergeSettings {
  const { dataset_source: captures, ground_truth_source: labels, output_path: output } = environment;
  if (!captures || !labels || !output) {
    throw new MonitoringFileError("the environment must name dataset_source, ground_truth_source and output_path");
  }
  return { captures, labels, output };
}

/** Answers how many records were joined. */
export async function mergeGroundTruth(
  { captures, labels: labelFolder, output }: MergeSettings,
  log: (line: string) => void,
): Promise<number> {
  const labels = new Map<string, unknown>();
  for await (const { eventMetadata, groundTruthData } of recordsOf(labelFolder, log)) {
    if (typeof eventMetadata?.eventId !== "string" || groundTruthData === undefined) continue;
    labels.set(eventMetadata.eventId, groundTruthData);
    if (labels.size > mostLabels)
      throw new MonitoringFileError(`there are more than ${mostLabels} labels: merge a shorter window`);
  }
  let [seen, joined] = [0, 0];
  for (const file of await filesOf(captures)) {
    const lines: string[] = [];
    for await (const record of recordsOf(file, log)) {
      seen++;
      const id = record.eventMetadata?.inferenceId ?? record.eventMetadata?.eventId;
      const groundTruthData = labels.get(id ?? "");
      if (groundTruthData === undefined) continue;
      const eventMetadata = { ...record.eventMetadata, eventId: id };
      lines.push(JSON.stringify({ ...record, groundTruthData, eventMetadata }));
    }
    if (lines.length === 0) continue;
    joined += lines.length;
    const target = join(output, relative(captures, file));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, `${lines.join("\n")}\n`);
  }
  log(`${joined} of ${seen} captured records have one of ${labels.size} labels`);
  return joined;
}

interface JoinedRecord {
  eventMetadata?: { eventId?: string; inferenceId?: string };
  groundTruthData?: unknown;
}

async function* recordsOf(source: string, log: (line: string) => void): AsyncGenerator<JoinedRecord> {
  for (const file of await filesOf(source)) {
    for await (const { text, line } of linesOf(createReadStream(file))) {
      try {
        yield JSON.parse(text) as JoinedRecord;
      } catch (error) {
        log(`${file}, line ${line}: ${(error as SyntaxError).message}`);
      }
    }
  }
}
