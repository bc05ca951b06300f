import { connect } from "./clients.ts";
import { exitCodes, type Invocation, numberOption, textOption, UsageError, wholeNumberOption } from "./command.ts";
import { maxWorkers } from "./commands.ts";
import { deployModel } from "./workflow/deploy-model.ts";
import { deployAlerts, deployWorkflow, type FunctionLanguage } from "./workflow/deploy-workflow.ts";
import { latestModel } from "./workflow/latest-job.ts";
import { defaultBucket, defaultThreshold, names } from "./workflow/names.ts";
import { timestampedName } from "./workflow/timestamp.ts";

export async function run(invocation: Invocation): Promise<number> {
  const { terminal, signal } = invocation;
  const threshold = numberOption(invocation, "threshold", { default: defaultThreshold, min: 0, max: 1 });
  const language = functionLanguage(invocation);
  const workers = wholeNumberOption(invocation, "workers", { default: 2, min: 1, max: maxWorkers });
  const clients = await connect(invocation);
  try {
    const bucket = textOption(invocation, "bucket") ?? defaultBucket(clients);
    const prefix = textOption(invocation, "prefix") ?? names.prefix;
    const endpointName = textOption(invocation, "endpoint-name") ?? names.endpoint;
    const modelUri = textOption(invocation, "model") ?? (await latestModel(clients));
    const deployment = await terminal.step(
      "deploy the model",
      () =>
        deployModel(
          clients,
          {
            modelName: timestampedName(endpointName, Date.now()),
            modelUri,
            endpointName,
            captureUri: `s3://${bucket}/${prefix}/data_capture`,
            workers,
          },
          signal,
        ),
      (done) => `endpoint ${done.endpointName} ${done.isUpdate ? "updated" : "created"}`,
    );
    const workflow = await terminal.step(
      "deploy functions and state machines",
      () => deployWorkflow(clients, { endpointName, threshold, language }),
      (done) => done.functions.join(", "),
    );
    const alerts = await terminal.step(
      "deploy alerts",
      () => deployAlerts(clients, { chainArn: workflow.chainArn, email: undefined }),
      (done) => done.topicArn,
    );
    terminal.json({ ...deployment, ...workflow, ...alerts });
    terminal.note("next: scones send IMAGE");
    return exitCodes.done;
  } finally {
    clients.close();
  }
}

export function functionLanguage(invocation: Pick<Invocation, "options">): FunctionLanguage {
  const language = textOption(invocation, "language") ?? "typescript";
  if (language !== "typescript" && language !== "python")
    throw new UsageError(`--language must be typescript or python, not "${language}"`);
  return language;
}
