import { serverConfig } from "../config.ts";
import { type Clients, connect } from "./clients.ts";
import { exitCodes, type Invocation, textOption } from "./command.ts";
import { chosenDataSet } from "./workflow/default-data-set.ts";
import { defaultBucket, names } from "./workflow/names.ts";
import { type StagedDataSet, stage } from "./workflow/stage.ts";

export async function run(invocation: Invocation): Promise<number> {
  const { terminal } = invocation;
  const dataDirectory = textOption(invocation, "data-dir") ?? serverConfig().dataDirectory;
  const clients = await connect(invocation);
  try {
    const staged = await stageStep(invocation, clients, dataDirectory);
    terminal.json(staged);
    terminal.print(`staged at s3://${staged.bucket}/${staged.prefix}`);
    terminal.note("next: scones train");
    return exitCodes.done;
  } finally {
    clients.close();
  }
}

/** Chooses the data set and uploads it, as one step with progress. */
export function stageStep(invocation: Invocation, clients: Clients, dataDirectory: string): Promise<StagedDataSet> {
  const { terminal, signal } = invocation;
  const bucket = textOption(invocation, "bucket") ?? defaultBucket(clients);
  const prefix = textOption(invocation, "prefix") ?? names.prefix;
  return terminal.step(
    "stage the data set",
    async () => {
      const dataSet = await chosenDataSet(invocation, dataDirectory);
      const onProgress = (done: number, total: number | undefined): void =>
        terminal.progress(`${done}${total === undefined ? "" : ` of ${total}`} pictures uploaded`);
      return stage(clients, dataSet, { bucket, prefix, signal, onProgress });
    },
    describeStaged,
  );
}

function describeStaged(staged: StagedDataSet): string {
  const count = (split: "train" | "test"): number => Object.values(staged.counts[split]).reduce((sum, n) => sum + n, 0);
  return `${staged.description}: ${count("train")} train and ${count("test")} test pictures of ${staged.classes.join(", ")}`;
}
