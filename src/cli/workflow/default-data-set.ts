import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Invocation, textOption, UsageError, wholeNumberOption } from "../command.ts";
import { maxPictureSize } from "../commands.ts";
import type { Terminal } from "../terminal.ts";
import { cifarDataSet } from "./cifar-data-set.ts";
import { cachedArchive, cifar100 } from "./cifar-download.ts";
import { type DataSet, DataSetError } from "./data-set.ts";
import { drawnVehicles } from "./drawn-data-set.ts";
import { folderDataSet } from "./folder-data-set.ts";

const defaultClasses = ["bicycle", "motorcycle"];

/**
 * The data set that `--data` names. Without it: CIFAR-100 from the cache or from where its authors publish it, and when
 * that cannot be reached, the drawn vehicles; which of them it is, is always said.
 */
export async function chosenDataSet(invocation: Invocation, dataDirectory: string): Promise<DataSet> {
  const { terminal, signal } = invocation;
  const source = textOption(invocation, "data");
  const asked = textOption(invocation, "classes")
    ?.split(",")
    .map((name) => name.trim());
  const classes = asked ?? defaultClasses;
  if (classes.length < 2 || new Set(classes).size !== classes.length)
    throw new UsageError("--classes needs two or more different names");
  const seed = wholeNumberOption(invocation, "seed", { default: 1, min: 0, max: 2 ** 31 - 1 });
  const size = wholeNumberOption(invocation, "size", { default: 32, min: 16, max: maxPictureSize });
  if (source === "drawn") return drawnVehicles({ classes, seed, size });
  if (source === undefined || source === "cifar") {
    try {
      const archive = await downloaded(terminal, dataDirectory, signal);
      return await cifarDataSet(archive, { asked, usual: defaultClasses });
    } catch (error) {
      if (source === "cifar" || !(error instanceof DataSetError)) throw error;
      terminal.note(
        `  CIFAR-100: ${error.message}; using the drawn vehicles instead (--data PATH for your own images)`,
      );
      return drawnVehicles({ classes, seed, size });
    }
  }
  if (!existsSync(source))
    throw new DataSetError(
      `there is nothing at ${source}; --data takes a folder of images, a CIFAR archive, "cifar" or "drawn"`,
    );
  if (!statSync(source).isFile()) return folderDataSet(source);
  return cifarDataSet(source, { asked, usual: defaultClasses });
}

function downloaded(terminal: Terminal, dataDirectory: string, signal: AbortSignal): Promise<string> {
  return cachedArchive(cifar100, join(dataDirectory, "cache", "cifar-100-python.tar.gz"), {
    signal,
    onProgress: (bytes, total) =>
      terminal.progress(
        `downloading CIFAR-100: ${Math.floor((bytes * 100) / total)} % of ${Math.round(total / 1e6)} MB`,
      ),
  });
}
