import { type Invocation, textOption, UsageError, wholeNumberOption } from "../command.ts";

export interface TrainingCounts {
  classes: number;
  trainingImages: number;
}

const presets = ["fast", "default", "best"];

/** The hyperparameters of a job from the options of a command: the three that the algorithm requires, and what was asked for. */
export function hyperparametersOf(
  invocation: Pick<Invocation, "options">,
  counts: TrainingCounts,
): Record<string, string> {
  const size = wholeNumberOption(invocation, "image-size", { default: 32, min: 16, max: 224 });
  const preset = textOption(invocation, "preset") ?? "default";
  if (!presets.includes(preset)) throw new UsageError(`--preset must be one of ${presets.join(", ")}, not "${preset}"`);
  const epochs =
    textOption(invocation, "epochs") === undefined
      ? undefined
      : wholeNumberOption(invocation, "epochs", { default: 0, min: 1, max: 10_000 });
  const seed = wholeNumberOption(invocation, "seed", { default: 1, min: 0, max: 2 ** 31 - 1 });
  return {
    image_shape: `3,${size},${size}`,
    // Who asks for a size by this option is to get it, also where the algorithm by itself would train on smaller pictures.
    ...(textOption(invocation, "image-size") === undefined ? {} : { max_image_side: String(size) }),
    num_classes: String(counts.classes),
    num_training_samples: String(counts.trainingImages),
    preset,
    seed: String(seed),
    ...(epochs === undefined ? {} : { epochs: String(epochs) }),
  };
}
