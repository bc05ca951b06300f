import { barLines, plot } from "../draw/text.ts";
import type { CaptureRecord } from "../monitor/capture-record.ts";
import { type CaptureSummary, captureSummary } from "../monitor/capture-summary.ts";
import { type Clients, connect } from "./clients.ts";
import { exitCodes, type Invocation, numberOption, textOption, wholeNumberOption } from "./command.ts";
import type { Terminal } from "./terminal.ts";
import { captureUri, readCaptureSource } from "./workflow/captures.ts";
import { driftLines, driftOf } from "./workflow/drift.ts";
import { endpointLabels } from "./workflow/labels.ts";
import { defaultThreshold, names } from "./workflow/names.ts";
import { drawCaptures } from "./workflow/pictures.ts";

const histogramBins = 10;

export async function run(invocation: Invocation): Promise<number> {
  const { terminal, signal } = invocation;
  const threshold = numberOption(invocation, "threshold", { default: defaultThreshold, min: 0, max: 1 });
  const endpointName = textOption(invocation, "endpoint-name") ?? names.endpoint;
  const out = textOption(invocation, "out");
  const size = wholeNumberOption(invocation, "window", { default: 100, min: 10, max: 100_000 });
  const clients = await connect(invocation);
  try {
    const given = textOption(invocation, "capture");
    const uri = given ?? (await captureUri(clients, endpointName));
    const labels = given === undefined ? await endpointLabels(clients, endpointName) : [];
    const { records, problems } = await readCaptureSource(clients, uri, signal);
    const summary = captureSummary(records, { threshold, labels });
    const reference = await referenceCaptures(clients, invocation);
    const drift = driftOf(records, { size, ...(reference && { reference }) });
    const files = out === undefined ? [] : await drawCaptures(out, records, { threshold, labels });
    terminal.json({ uri, ...summary, ...(drift && { drift }), unreadableLines: problems, files });
    if (!terminal.isJson) {
      printSummary(terminal, uri, summary, records);
      if (summary.count > 0) for (const line of driftLines(drift, labels)) terminal.print(line);
    }
    for (const problem of problems)
      terminal.note(`unreadable: ${problem.file ?? ""} line ${problem.line}: ${problem.message}`);
    if (!terminal.isJson) for (const file of files) terminal.print(file);
    return exitCodes.done;
  } finally {
    clients.close();
  }
}

async function referenceCaptures(clients: Clients, invocation: Invocation): Promise<CaptureRecord[] | undefined> {
  const source = textOption(invocation, "reference");
  if (source === undefined) return undefined;
  const { records } = await readCaptureSource(clients, source, invocation.signal);
  if (records.length === 0) throw new Error(`${source} holds no captures to compare with`);
  return records;
}

function printSummary(terminal: Terminal, uri: string, summary: CaptureSummary, records: CaptureRecord[]): void {
  terminal.print(uri);
  if (summary.count === 0) {
    terminal.print("nothing was captured yet");
    return;
  }
  terminal.print(
    `${summary.count} requests from ${summary.firstTime} to ${summary.lastTime}, ${summary.belowThreshold} below ${summary.threshold}`,
  );
  const points = records.flatMap((record) =>
    record.confidence === undefined ? [] : [[record.inferenceTimeMs, record.confidence] as const],
  );
  const formatX = (timeMs: number): string => new Date(timeMs).toISOString().slice(11, 19);
  const level = { value: summary.threshold, name: "threshold" };
  for (const line of plot([{ name: "confidence", points }], { level, formatX, yLabel: "confidence", xLabel: "time" }))
    terminal.print(line);
  terminal.print("");
  for (const line of barLines(histogramOf(points.map(([, confidence]) => confidence)))) terminal.print(line);
  terminal.print("");
  for (const line of barLines(
    summary.classes.map(({ name, count, belowThreshold }) => ({ label: name, count, note: `${belowThreshold} below` })),
  ))
    terminal.print(line);
  for (const { from, hours } of summary.silentHours) terminal.print(`nothing captured for ${hours} hours from ${from}`);
  for (const { firstTime, times } of summary.repeatedPictures)
    terminal.print(`the same picture ${times} times running from ${firstTime}: a stuck camera?`);
}

/** Equal bins from the lowest confidence, rounded down, to 1. */
function histogramOf(confidences: number[]): { label: string; count: number }[] {
  const lowest = confidences.reduce((low, confidence) => Math.min(low, confidence), 1);
  const floor = Math.min(Math.floor(lowest * 10) / 10, 0.9);
  const width = (1 - floor) / histogramBins;
  return Array.from({ length: histogramBins }, (_, bin) => {
    const isIn = (confidence: number): boolean =>
      Math.min(histogramBins - 1, Math.floor((confidence - floor) / width)) === bin;
    return {
      label: `${(floor + bin * width).toFixed(2)} to ${(floor + (bin + 1) * width).toFixed(2)}`,
      count: confidences.filter(isIn).length,
    };
  });
}
