import { InvokeEndpointCommand } from "@aws-sdk/client-sagemaker-runtime";
import { table } from "../draw/text.ts";
import { bytesOf, type CaptureRecord, namedClasses, probabilitiesOf } from "../monitor/capture-record.ts";
import { type Pace, replayPlan } from "../traffic/replay-plan.ts";
import { runTraffic, type TrafficReport } from "../traffic/run-traffic.ts";
import { mostItems } from "../traffic/traffic-plan.ts";
import { type Clients, connect } from "./clients.ts";
import { exitCodes, type Invocation, numberOption, textOption, UsageError, wholeNumberOption } from "./command.ts";
import type { Terminal } from "./terminal.ts";
import { captureUri, readCaptureSource } from "./workflow/captures.ts";
import { endpointLabels } from "./workflow/labels.ts";
import { names } from "./workflow/names.ts";
import { requiredEndpoint } from "./workflow/required.ts";

const maxSpeed = 1_000_000;
const maxRatePerSecond = 10_000;
const maxConcurrency = 1_000;
/** Changed answers that people are shown; --json has them all. */
const shownChanges = 20;

type CapturedRequest = CaptureRecord & Required<Pick<CaptureRecord, "input">>;

/** A request whose answer is another one than was captured. */
interface Change {
  eventId: string;
  inferenceTime: string;
  captured: string;
  answered: string;
}

interface Comparison {
  same: number;
  changes: Change[];
}

export async function run(invocation: Invocation): Promise<number> {
  const { terminal, signal } = invocation;
  const endpointName = textOption(invocation, "endpoint-name") ?? names.endpoint;
  const variant = textOption(invocation, "variant");
  const pace = paceOf(invocation);
  const concurrency = wholeNumberOption(invocation, "concurrency", { default: 64, min: 1, max: maxConcurrency });
  const limit = wholeNumberOption(invocation, "limit", { default: mostItems, min: 1, max: mostItems });
  const clients = await connect(invocation);
  try {
    await requiredEndpoint(clients, endpointName);
    const { source, requests } = await capturedRequests(clients, invocation, endpointName);
    const chosen = requests.slice(0, limit);
    if (chosen.length === 0)
      throw new Error(`${source} holds no captured requests; captures that keep only outputs cannot be sent again`);
    const labels = await endpointLabels(clients, endpointName);
    const comparison: Comparison = { same: 0, changes: [] };
    const report = await terminal.step(
      `replay ${chosen.length} requests`,
      () =>
        runTraffic(
          replayPlan(
            chosen.map((record) => record.inferenceTimeMs),
            pace,
          ),
          async ({ index }, itemSignal) => {
            const record = chosen[index] as CapturedRequest;
            const answer = await clients.runtime.send(invocationOf(record, { endpointName, variant }), {
              abortSignal: itemSignal,
            });
            compare(comparison, record, { answer: Buffer.from(answer.Body ?? []), labels });
            return "answered";
          },
          {
            signal,
            concurrency,
            onProgress: ({ done, planned, underWay, errors }) =>
              terminal.progress(`${done} of ${planned} done, ${underWay} under way, ${errors} errors`),
          },
        ),
      ({ outcomes }) =>
        Object.entries(outcomes)
          .map(([outcome, count]) => `${count} ${outcome}`)
          .join(", "),
    );
    const { same, changes } = comparison;
    changes.sort((a, b) => a.inferenceTime.localeCompare(b.inferenceTime)); // answers come in any order
    const { results, ...figures } = report;
    const errors = results.filter((result) => result.error !== undefined);
    terminal.json({ source, endpointName, ...figures, sameAnswers: same, changedAnswers: changes, errors });
    printReport(terminal, report, { same, changes });
    if (errors[0]) terminal.note(`${errors.length} were not answered, the first because: ${errors[0].error}`);
    if (signal.aborted) return exitCodes.interrupted;
    return errors.length === 0 ? exitCodes.done : exitCodes.failed;
  } finally {
    clients.close();
  }
}

function paceOf(invocation: Invocation): Pace {
  if (textOption(invocation, "rate") === undefined)
    return { kind: "captured", speed: numberOption(invocation, "speed", { default: 1, min: 0.001, max: maxSpeed }) };
  if (textOption(invocation, "speed") !== undefined)
    throw new UsageError("--speed and --rate exclude each other: the captured pace, or an even one");
  const ratePerSecond = numberOption(invocation, "rate", { default: 1, min: 0.001, max: maxRatePerSecond });
  return { kind: "constant", ratePerSecond };
}

/** The captures that can be sent again, in the order of their inferences. */
async function capturedRequests(
  clients: Clients,
  invocation: Invocation,
  endpointName: string,
): Promise<{ source: string; requests: CapturedRequest[] }> {
  const source = textOption(invocation, "capture") ?? (await captureUri(clients, endpointName));
  const { records, problems } = await readCaptureSource(clients, source, invocation.signal);
  for (const problem of problems)
    invocation.terminal.note(`unreadable: ${problem.file ?? ""} line ${problem.line}: ${problem.message}`);
  return { source, requests: records.filter((record): record is CapturedRequest => record.input !== undefined) };
}

function invocationOf(
  { input, inferenceId }: CapturedRequest,
  { endpointName, variant }: { endpointName: string; variant: string | undefined },
): InvokeEndpointCommand {
  return new InvokeEndpointCommand({
    EndpointName: endpointName,
    ContentType: input.contentType,
    Body: bytesOf(input),
    TargetVariant: variant,
    InferenceId: inferenceId,
  });
}

function compare(
  comparison: Comparison,
  { eventId, inferenceTime, output }: CapturedRequest,
  { answer, labels }: { answer: Buffer; labels: readonly string[] },
): void {
  if (output === undefined) return; // only its input was captured
  const [captured, answered] = [spoken(Buffer.from(bytesOf(output)), labels), spoken(answer, labels)];
  if (captured.meaning === answered.meaning) comparison.same++;
  else comparison.changes.push({ eventId, inferenceTime, captured: captured.text, answered: answered.text });
}

/** An answer as people compare it: the classes that a classifier names, with their probabilities beside them; else its text. */
function spoken(body: Buffer, labels: readonly string[]): { meaning: string; text: string } {
  const text = body.toString().trim();
  const probabilities = probabilitiesOf({ contentType: "application/json", encoding: "JSON", data: text });
  if (probabilities === undefined) return { meaning: text, text: text.slice(0, 80) };
  const named = namedClasses(probabilities);
  const nameOf = (label: number) => labels[label] ?? `class-${label}`;
  return {
    meaning: named.map(nameOf).join(),
    text: named.map((label) => `${nameOf(label)} ${probabilities[label]!.toFixed(3)}`).join(", ") || "none",
  };
}

function printReport(terminal: Terminal, { latency }: TrafficReport, { same, changes }: Comparison): void {
  if (terminal.isJson) return;
  if (latency)
    terminal.print(`from planned start to answer: p50 ${latency.p50.toFixed(1)} ms, p99 ${latency.p99.toFixed(1)} ms`);
  if (same + changes.length === 0) return;
  terminal.print(`${same} answers are as they were, ${changes.length} changed`);
  if (changes.length === 0) return;
  const columns = [{ title: "time" }, { title: "captured" }, { title: "answered now" }];
  const rows = changes
    .slice(0, shownChanges)
    .map(({ inferenceTime, captured, answered }) => [inferenceTime, captured, answered]);
  for (const line of table(columns, rows)) terminal.print(line);
  if (changes.length > shownChanges) terminal.print(`and ${changes.length - shownChanges} more (--json shows all)`);
}
