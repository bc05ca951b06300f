import { table } from "../../draw/text.ts";
import type { Terminal } from "../terminal.ts";
import type { Deployment } from "./deploy-model.ts";
import type { Alerts, FunctionLanguage, Workflow } from "./deploy-workflow.ts";
import type { Notification } from "./notifications.ts";
import type { Outcome } from "./outcome.ts";
import type { StagedDataSet } from "./stage.ts";
import type { CurvePoint } from "./train.ts";
import { curveInText } from "./training-report.ts";

/** What `scones demo --json` prints; the field names are part of the product (docs/demo-summary.md). */
export interface DemoSummary {
  endpointUrl: string;
  dataDirectory: string;
  dataSet: StagedDataSet;
  training: {
    jobName: string;
    modelUri: string;
    seconds: number;
    trainAccuracy: number | undefined;
    heldOutAccuracy: number | undefined;
    curve: CurvePoint[];
  };
  modelEndpoint: Deployment;
  workflow: Workflow & { language: FunctionLanguage; threshold: number };
  executions: (Outcome & { image: string; actual: string })[];
  fanOut: {
    executionArn: string;
    status: string;
    error: string | undefined;
    images: number;
    accepted: number;
    rejected: number;
    milliseconds: number;
  };
  notifications: Alerts & { messages: Notification[] };
  captures: { uri: string; records: number; belowThreshold: number };
  pictures: { folder: string; training: string[]; captures: string[]; graphs: string[] };
  seconds: number;
}

/** Whether every step did what it should: images on both sides of the threshold, every image of the fan-out accounted for, somebody told. */
export function isComplete(summary: DemoSummary): boolean {
  const statuses = summary.executions.map((execution) => execution.status);
  return (
    statuses.includes("SUCCEEDED") &&
    statuses.includes("FAILED") &&
    summary.fanOut.status === "SUCCEEDED" &&
    summary.fanOut.accepted + summary.fanOut.rejected === summary.fanOut.images &&
    summary.notifications.messages.length > 0 &&
    summary.captures.records > 0
  );
}

export function printSummary(terminal: Terminal, summary: DemoSummary): void {
  const { dataSet, training, modelEndpoint, executions, fanOut, notifications, captures, pictures } = summary;
  const heading = (text: string): void => {
    terminal.print("");
    terminal.print(terminal.style("bold", text));
  };
  heading("Data set");
  terminal.print(dataSet.description);
  const rows = dataSet.classes.map((name) => [
    name,
    String(dataSet.counts.train[name] ?? 0),
    String(dataSet.counts.test[name] ?? 0),
  ]);
  for (const line of table(
    [{ title: "class" }, { title: "train", align: "right" }, { title: "test", align: "right" }],
    rows,
  ))
    terminal.print(line);

  heading("Training");
  for (const line of curveInText(training.curve)) terminal.print(line);
  terminal.print(
    `train accuracy ${fixed(training.trainAccuracy)}, held-out accuracy ${fixed(training.heldOutAccuracy)} after ${training.seconds} s`,
  );
  terminal.print(`model ${training.modelUri}`);

  heading("Endpoint");
  terminal.print(
    `${modelEndpoint.endpointName}, ${captures.records} requests captured, ${captures.belowThreshold} below ${summary.workflow.threshold}`,
  );

  heading("Executions");
  const executionRows = executions.map((execution) => [
    execution.image.slice(execution.image.lastIndexOf("/") + 1),
    execution.actual,
    execution.prediction ?? "-",
    fixed(execution.confidence),
    execution.status,
    [execution.error, execution.cause].filter(Boolean).join(": ").slice(0, 90),
  ]);
  for (const line of table(
    ["image", "is a", "prediction", "confidence", "status", "error"].map((title) => ({ title })),
    executionRows,
  ))
    terminal.print(line);

  heading("Fan-out");
  terminal.print(
    `${fanOut.status}: ${fanOut.images} images, ${fanOut.accepted} accepted, ${fanOut.rejected} set aside, ${fanOut.milliseconds} ms`,
  );

  heading("Notifications");
  terminal.print(`${notifications.messages.length} messages through ${notifications.topicArn}`);
  for (const { message } of notifications.messages.slice(0, 3)) terminal.print(`  ${message.replace(/^"|"$/g, "")}`);
  terminal.print(`queue  ${notifications.queueUrl}`);
  terminal.print(`mail   ${summary.dataDirectory}/outbox`);

  heading("Pictures");
  for (const file of [...pictures.training, ...pictures.captures, ...pictures.graphs]) terminal.print(file);
  terminal.print("");
}

function fixed(value: number | undefined): string {
  return value === undefined ? "-" : value.toFixed(3);
}
