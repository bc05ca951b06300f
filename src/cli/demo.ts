import { join } from "node:path";
import { type ServerConfig, serverConfig } from "../config.ts";
import { captureSummary } from "../monitor/capture-summary.ts";
import { type Clients, connectTo } from "./clients.ts";
import { exitCodes, type Invocation, numberOption, textOption, wholeNumberOption } from "./command.ts";
import { maxFanOutImages } from "./commands.ts";
import { functionLanguage } from "./deploy.ts";
import { stageStep } from "./stage.ts";
import { howToConnect, serverOptions, untilAborted } from "./up.ts";
import { awaitCaptures } from "./workflow/captures.ts";
import { chooseImages } from "./workflow/choose-images.ts";
import { type DemoSummary, isComplete, printSummary } from "./workflow/demo-summary.ts";
import { deployModel } from "./workflow/deploy-model.ts";
import { deployAlerts, deployWorkflow } from "./workflow/deploy-workflow.ts";
import { imageInput, runExecution } from "./workflow/executions.ts";
import { executionGraph, stateMachineGraph } from "./workflow/graphs.ts";
import { hyperparametersOf } from "./workflow/hyperparameters.ts";
import { confirmByMail } from "./workflow/mail.ts";
import { defaultThreshold } from "./workflow/names.ts";
import { receiveAlerts } from "./workflow/notifications.ts";
import { outcomeOf } from "./workflow/outcome.ts";
import { drawCaptures, drawTraining, writePicture } from "./workflow/pictures.ts";
import { stagedImages } from "./workflow/staged.ts";
import { timestampedName } from "./workflow/timestamp.ts";
import { train } from "./workflow/train.ts";
import { describeTraining, trainingProgress } from "./workflow/training-report.ts";

const trainingLimitSeconds = 3_600;
/** Unless a length is asked for, training on a slow or busy machine runs its whole schedule within this time. */
const trainingTargetSeconds = 210;
const dispatcher = "dispatch@scones-unlimited.example";
/** Executions shown one by one: the clearest test pictures, and those the model is least sure of. */
const shownOfEachKind = 4;

/** The whole workflow against a server of its own, then serving on until it is interrupted. */
export async function run(invocation: Invocation): Promise<number> {
  const { terminal, signal } = invocation;
  const config = serverConfig(serverOptions(invocation));
  checkOptions(invocation);
  const { startScones } = await import("../app.ts");
  const server = await terminal.step(
    "start Scones",
    () => startScones(config),
    (started) => started.url,
  );
  try {
    const clients = await connectTo(server.url);
    let summary: DemoSummary;
    try {
      summary = await workflow(invocation, clients, config);
    } finally {
      clients.close();
    }
    terminal.json(summary);
    printSummary(terminal, summary);
    for (const line of howToConnect(server.url)) terminal.print(line);
    const exitCode = isComplete(summary) ? exitCodes.done : exitCodes.failed;
    if (invocation.options["exit"] === true) return exitCode;
    terminal.note("serving until Ctrl-C");
    await untilAborted(signal);
    return exitCode;
  } finally {
    await server.close();
  }
}

/** Wrong use is said before anything is started, not after minutes. */
function checkOptions(invocation: Invocation): void {
  hyperparametersOf(invocation, { classes: 0, trainingImages: 0 });
  workflowOptions(invocation);
}

function workflowOptions(invocation: Invocation) {
  return {
    threshold: numberOption(invocation, "threshold", { default: defaultThreshold, min: 0, max: 1 }),
    fanOutImages: wholeNumberOption(invocation, "images", { default: 24, min: 1, max: maxFanOutImages }),
    language: functionLanguage(invocation),
  };
}

async function workflow(invocation: Invocation, clients: Clients, config: ServerConfig): Promise<DemoSummary> {
  const { terminal, signal } = invocation;
  const startedAt = Date.now();
  const { threshold, fanOutImages, language } = workflowOptions(invocation);
  const folder =
    textOption(invocation, "out") ?? join(config.dataDirectory, "pictures", timestampedName("demo", startedAt));

  const staged = await stageStep(invocation, clients, config.dataDirectory);
  const place = { bucket: staged.bucket, prefix: staged.prefix };
  const trainingImages = Object.values(staged.counts.train).reduce((sum, n) => sum + n, 0);
  const hyperparameters = {
    ...hyperparametersOf(invocation, { classes: staged.classes.length, trainingImages }),
    ...(isLengthChosen(invocation) ? {} : { max_seconds: String(trainingTargetSeconds) }),
  };
  const jobName = timestampedName("image-classification", startedAt);
  const model = await terminal.step(
    "train the classifier",
    () =>
      train(
        clients,
        { ...place, jobName, hyperparameters, maxRuntimeSeconds: trainingLimitSeconds },
        { signal, onLine: (line, curve) => trainingProgress(terminal, line, curve) },
      ),
    describeTraining,
  );
  const captureUri = `s3://${place.bucket}/${place.prefix}/data_capture/${jobName}`;
  const endpoint = await terminal.step(
    "deploy the endpoint",
    () =>
      deployModel(
        clients,
        { modelName: jobName, modelUri: model.modelUri, endpointName: "scones-unlimited", captureUri, workers: 2 },
        signal,
      ),
    (done) => `${done.endpointName} in service, capturing every request`,
  );
  const composed = await terminal.step(
    "compose functions and state machines",
    () => deployWorkflow(clients, { endpointName: endpoint.endpointName, threshold, language }),
    (done) => done.functions.join(" → "),
  );
  const alerts = await terminal.step(
    "listen for failures",
    async () => {
      const deployed = await deployAlerts(clients, { chainArn: composed.chainArn, email: dispatcher });
      if (deployed.isMailPending) await confirmByMail(join(config.dataDirectory, "outbox"), deployed.topicArn, signal);
      return deployed;
    },
    (done) => done.topicArn,
  );

  const testImages = await stagedImages(clients, place, "test");
  const chosen = await terminal.step(
    "ask the endpoint about test images",
    () =>
      chooseImages(clients, endpoint.endpointName, {
        ...place,
        images: testImages,
        classes: staged.classes,
        ofEachKind: shownOfEachKind,
        threshold,
        signal,
        onProgress: terminal.progress,
      }),
    (done) => `${done.asked} images, ${done.belowThreshold} below ${threshold}`,
  );
  const executions = await terminal.step(
    "run the state machine",
    () =>
      Promise.all(
        chosen.images.map(async (image) => {
          const result = await runExecution(clients, composed.chainArn, imageInput(place.bucket, image.key), signal);
          return {
            image: image.key,
            actual: image.actual,
            ...(await outcomeOf(clients, result, staged.classes)),
          };
        }),
      ),
    (done) => countStatuses(done.map((execution) => execution.status)),
  );
  const fanOut = await terminal.step(
    "fan out over many images",
    () =>
      runFanOut(clients, composed.fanOutArn, {
        bucket: place.bucket,
        keys: evenly(testImages, fanOutImages).map((image) => image.key),
        topic: alerts.topicArn,
        signal,
      }),
    (done) => `${done.accepted} accepted, ${done.rejected} set aside, ${done.milliseconds} ms`,
  );
  const expected =
    executions.filter((execution) => execution.status !== "SUCCEEDED").length + (fanOut.rejected > 0 ? 1 : 0);
  const notifications = await terminal.step(
    "hear of the failures",
    () => receiveAlerts(clients, alerts.queueUrl, { expected, signal }),
    (done) => `${done.length} notifications received`,
  );
  const captures = await terminal.step(
    "read the captures",
    () => awaitCaptures(clients, captureUri, { minimumRecords: chosen.asked + executions.length, signal }),
    (done) => `${done.records.length} requests captured`,
  );
  const pictures = await terminal.step(
    "draw what happened",
    async () => ({
      folder,
      training: await drawTraining(folder, model.curve),
      captures: await drawCaptures(folder, captures.records, { threshold, labels: staged.classes }),
      graphs: await drawGraphs(clients, folder, { ...composed, executions, fanOutExecutionArn: fanOut.executionArn }),
    }),
    () => folder,
  );
  return {
    endpointUrl: clients.endpointUrl,
    dataDirectory: config.dataDirectory,
    dataSet: staged,
    training: {
      jobName,
      modelUri: model.modelUri,
      seconds: model.seconds,
      trainAccuracy: model.metrics["train:accuracy"],
      heldOutAccuracy: model.metrics["validation:accuracy"],
      curve: model.curve,
    },
    modelEndpoint: endpoint,
    workflow: { ...composed, language, threshold },
    executions,
    fanOut,
    notifications: { ...alerts, messages: notifications },
    captures: {
      uri: captureUri,
      records: captures.records.length,
      belowThreshold: captureSummary(captures.records, { threshold }).belowThreshold,
    },
    pictures,
    seconds: (Date.now() - startedAt) / 1000,
  };
}

function isLengthChosen(invocation: Invocation): boolean {
  return textOption(invocation, "epochs") !== undefined || textOption(invocation, "preset") !== undefined;
}

async function runFanOut(
  clients: Clients,
  stateMachineArn: string,
  options: { bucket: string; keys: string[]; topic: string; signal: AbortSignal },
): Promise<DemoSummary["fanOut"]> {
  const input = { bucket: options.bucket, images: options.keys, topic: options.topic };
  const result = await runExecution(clients, stateMachineArn, input, options.signal);
  const output = JSON.parse(result.output ?? "{}") as {
    accepted?: unknown[];
    rejected?: { s3_key: string; error: string }[];
  };
  return {
    executionArn: result.executionArn,
    status: result.status,
    error: result.error,
    images: options.keys.length,
    accepted: output.accepted?.length ?? 0,
    rejected: output.rejected?.length ?? 0,
    milliseconds: result.milliseconds,
  };
}

/** The two state machines, one execution that succeeded and one that failed, and the fan-out. */
async function drawGraphs(
  clients: Clients,
  folder: string,
  runs: {
    chainArn: string;
    fanOutArn: string;
    executions: { status: string; executionArn: string }[];
    fanOutExecutionArn: string;
  },
): Promise<string[]> {
  const execution = (status: string): string | undefined =>
    runs.executions.find((candidate) => candidate.status === status)?.executionArn;
  const graphs: [string, string | undefined, (clients: Clients, arn: string) => Promise<string>][] = [
    ["state-machine", runs.chainArn, stateMachineGraph],
    ["fan-out", runs.fanOutArn, stateMachineGraph],
    ["execution-succeeded", execution("SUCCEEDED"), executionGraph],
    ["execution-failed", execution("FAILED"), executionGraph],
    ["fan-out-execution", runs.fanOutExecutionArn, executionGraph],
  ];
  const files: string[] = [];
  for (const [name, arn, draw] of graphs)
    if (arn !== undefined) files.push(...(await writePicture(folder, name, await draw(clients, arn))));
  return files;
}

function countStatuses(statuses: string[]): string {
  return [...new Set(statuses)]
    .map((status) => `${statuses.filter((one) => one === status).length} ${status}`)
    .join(", ");
}

/** `count` items at even distances, so that every class of a sorted list is met. */
function evenly<T>(items: T[], count: number): T[] {
  const step = Math.max(1, items.length / count);
  return Array.from({ length: Math.min(count, items.length) }, (_, i) => items[Math.floor(i * step)] as T);
}
