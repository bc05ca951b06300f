import { type CaptureRecord, namedClasses } from "./capture-record.ts";

export interface CaptureSummary {
  /** Every record, with or without a prediction. */
  count: number;
  /** Records whose output holds class probabilities; confidence figures are about these. */
  predictedCount: number;
  firstTime?: string;
  lastTime?: string;
  threshold: number;
  belowThreshold: number;
  /** Of the predicted ones; 0 when there are none. */
  belowThresholdShare: number;
  confidence?: ConfidenceFigures;
  classes: ClassFigures[];
  /** Stretches of whole UTC hours between first and last capture in which nothing was captured. */
  silentHours: SilentStretch[];
  /** The same picture at least three times running: a stuck camera. */
  repeatedPictures: RepeatedPicture[];
}

export interface ConfidenceFigures {
  min: number;
  quarter: number;
  median: number;
  threeQuarters: number;
  max: number;
  mean: number;
}

export interface ClassFigures {
  label: number;
  name: string;
  /** Answers that name the class (`namedClasses`). */
  count: number;
  belowThreshold: number;
  meanConfidence: number;
}

export interface SilentStretch {
  /** Start of the first silent hour. */
  from: string;
  hours: number;
}

export interface RepeatedPicture {
  fromEventId: string;
  firstTime: string;
  lastTime: string;
  times: number;
}

/** Twice may be a retry; three times running is a finding. */
const fewestRepeats = 3;
const hourMs = 3_600_000;

export function captureSummary(
  unordered: readonly CaptureRecord[],
  { threshold, labels = [] }: { threshold: number; labels?: readonly string[] },
): CaptureSummary {
  const records = unordered.toSorted((a, b) => a.inferenceTimeMs - b.inferenceTimeMs);
  const confidences = records
    .flatMap((record) => (record.confidence === undefined ? [] : [record.confidence]))
    .sort((a, b) => a - b);
  const belowThreshold = confidences.filter((confidence) => confidence < threshold).length;
  const [first, last] = [records[0], records.at(-1)];
  return {
    count: records.length,
    predictedCount: confidences.length,
    ...(first && { firstTime: first.inferenceTime }),
    ...(last && { lastTime: last.inferenceTime }),
    threshold,
    belowThreshold,
    belowThresholdShare: confidences.length === 0 ? 0 : belowThreshold / confidences.length,
    ...(confidences.length > 0 && { confidence: figuresOf(confidences) }),
    classes: classFigures(records, threshold, labels),
    silentHours: silentHours(records),
    repeatedPictures: repeatedPictures(records),
  };
}

/** Linear between neighbours, as numpy's default; `sorted` must not be empty. */
export function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const [low, high] = [Math.floor(place), Math.ceil(place)];
  const [a, b] = [sorted[low] as number, sorted[high] as number];
  return a + (b - a) * (place - low);
}

function figuresOf(sorted: readonly number[]): ConfidenceFigures {
  return {
    min: sorted[0] as number,
    quarter: quantile(sorted, 0.25),
    median: quantile(sorted, 0.5),
    threeQuarters: quantile(sorted, 0.75),
    max: sorted.at(-1) as number,
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
  };
}

function classFigures(records: readonly CaptureRecord[], threshold: number, labels: readonly string[]): ClassFigures[] {
  const known = records.flatMap((record) => (record.predictedLabel === undefined ? [] : [record.predictedLabel]));
  const size = Math.max(
    labels.length,
    ...records.map((record) => record.probabilities?.length ?? 0),
    ...known.map((label) => label + 1),
    0,
  );
  return Array.from({ length: size }, (_, label) => {
    const own = records.flatMap(({ probabilities }) =>
      probabilities !== undefined && namedClasses(probabilities).includes(label)
        ? [probabilities[label] as number]
        : [],
    );
    const sum = own.reduce((total, confidence) => total + confidence, 0);
    return {
      label,
      name: labels[label] ?? `class ${label}`,
      count: own.length,
      belowThreshold: own.filter((confidence) => confidence < threshold).length,
      meanConfidence: own.length === 0 ? 0 : sum / own.length,
    };
  });
}

function silentHours(records: readonly CaptureRecord[]): SilentStretch[] {
  return records.slice(1).flatMap((record, i) => {
    const before = Math.floor((records[i] as CaptureRecord).inferenceTimeMs / hourMs);
    const hours = Math.floor(record.inferenceTimeMs / hourMs) - before - 1;
    return hours > 0 ? [{ from: new Date((before + 1) * hourMs).toISOString().replace(".000Z", "Z"), hours }] : [];
  });
}

function repeatedPictures(records: readonly CaptureRecord[]): RepeatedPicture[] {
  const found: RepeatedPicture[] = [];
  const seen = records.filter((record) => record.input !== undefined);
  for (let start = 0; start < seen.length; ) {
    let end = start + 1;
    while (end < seen.length && seen[end]?.input?.data === seen[start]?.input?.data) end++;
    if (end - start >= fewestRepeats) {
      const [first, last] = [seen[start] as CaptureRecord, seen[end - 1] as CaptureRecord];
      found.push({
        fromEventId: first.eventId,
        firstTime: first.inferenceTime,
        lastTime: last.inferenceTime,
        times: end - start,
      });
    }
    start = end;
  }
  return found;
}
