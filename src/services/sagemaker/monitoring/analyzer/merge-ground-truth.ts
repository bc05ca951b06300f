import { createReadStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { linesOf } from "../../../../monitor/data-quality/lines.ts";
import { MonitoringFileError } from "../../../../monitor/data-quality/monitoring-file.ts";
import { createGroundTruth } from "../../../../monitor/model-quality/ground-truth.ts";
import { filesOf } from "./dataset.ts";

// Joins what an endpoint captured with labels: each captured record that has one is written again with it, in a file of the same name.

export interface MergeSettings {
  /** Folders of captures and of labels. */
  captures: string;
  labels: string;
  output: string;
}

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
  const labels = createGroundTruth();
  for (const file of await filesOf(labelFolder))
    for await (const line of linesOf(createReadStream(file)))
      readable({ ...line, file, log }, (text) => labels.add(text));
  let [seen, joined] = [0, 0];
  for (const file of await filesOf(captures)) {
    const lines: string[] = [];
    for await (const line of linesOf(createReadStream(file))) {
      seen++;
      const found = readable({ ...line, file, log }, (text) => labels.join(text));
      if (found !== undefined) lines.push(found);
    }
    if (lines.length === 0) continue;
    joined += lines.length;
    const target = join(output, relative(captures, file));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, `${lines.join("\n")}\n`);
  }
  log(`${joined} of ${seen} captured records have one of ${labels.labelCount} labels`);
  return joined;
}

interface Line {
  file: string;
  line: number;
  text: string;
  log: (line: string) => void;
}

/** A line that cannot be read is logged, and the others are joined all the same. */
function readable<Value>({ file, line, text, log }: Line, read: (text: string) => Value): Value | undefined {
  try {
    return read(text);
  } catch (error) {
    if (!(error instanceof MonitoringFileError)) throw error;
    log(`${file}, line ${line}: ${error.message}`);
    return undefined;
  }
}
