import { connect } from "./clients.ts";
import { exitCodes, type Invocation, textOption } from "./command.ts";
import { hyperparametersOf } from "./workflow/hyperparameters.ts";
import { defaultBucket, names } from "./workflow/names.ts";
import { stagePretrained } from "./workflow/pretrained.ts";
import { stagedCounts } from "./workflow/staged.ts";
import { timestampedName } from "./workflow/timestamp.ts";
import { train } from "./workflow/train.ts";
import { describeTraining, trainingProgress } from "./workflow/training-report.ts";

export async function run(invocation: Invocation): Promise<number> {
  const { terminal, signal } = invocation;
  const clients = await connect(invocation);
  try {
    const bucket = textOption(invocation, "bucket") ?? defaultBucket(clients);
    const prefix = textOption(invocation, "prefix") ?? names.prefix;
    const counts = await stagedCounts(clients, { bucket, prefix });
    const pretrained = textOption(invocation, "pretrained");
    const pretrainedUri = pretrained && (await stagePretrained(clients, pretrained, { bucket, prefix }));
    const hyperparameters = {
      ...hyperparametersOf(invocation, counts),
      ...(pretrainedUri === undefined ? {} : { use_pretrained_model: "1" }),
    };
    const model = await terminal.step(
      "train",
      () =>
        train(
          clients,
          {
            bucket,
            prefix,
            jobName: timestampedName("image-classification", Date.now()),
            hyperparameters,
            pretrainedUri,
            maxRuntimeSeconds: 86_400,
          },
          { signal, onLine: (line, curve) => trainingProgress(terminal, line, curve) },
        ),
      describeTraining,
    );
    terminal.json(model);
    terminal.print(`model  ${model.modelUri}`);
    terminal.note("next: scones deploy");
    return exitCodes.done;
  } finally {
    clients.close();
  }
}
