import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

// How the built-in image classification algorithm is started. It is a program like a user's own: it finds its work below
// the folder that `SCONES_ML_PREFIX` names (what /opt/ml is in a container), and says how it went by its exit code,
// `output/failure` and its log lines.

export interface MetricDefinition {
  name: string;
  /** The first group is the value. */
  regex: string;
}

/** The program and its arguments; give it `SCONES_ML_PREFIX` in its environment. Only the built program can be started: its workers are files. */
export function trainingCommand(): { command: string; args: string[] } {
  const program = fileURLToPath(new URL("./train-process.js", import.meta.url));
  if (!existsSync(program)) throw new Error(`${program} is missing: the training program runs only when it is built`);
  return { command: process.execPath, args: ["--enable-source-maps", program] };
}

/**
 * What the service reads from the log lines of the built-in algorithm, as AWS defines it for its own. The last value is that of the model
 * that is stored.
 */
export const metricDefinitions: readonly MetricDefinition[] = [
  { name: "train:accuracy", regex: "Epoch\\[\\d+\\] Train-accuracy=([0-9.]+)" },
  { name: "train:loss", regex: "Epoch\\[\\d+\\] Train-loss=([0-9.eE+-]+)" },
  { name: "validation:accuracy", regex: "(?:Epoch\\[\\d+\\]|Final) Validation-accuracy=([0-9.]+)" },
  { name: "validation:loss", regex: "(?:Epoch\\[\\d+\\]|Final) Validation-loss=([0-9.eE+-]+)" },
  { name: "held_out:accuracy", regex: "(?:Epoch\\[\\d+\\]|Final) Held-out-accuracy=([0-9.]+)" },
  { name: "train:top_k_accuracy", regex: "Epoch\\[\\d+\\] Train-top_k_accuracy_\\d+=([0-9.]+)" },
  { name: "held_out:top_k_accuracy", regex: "Epoch\\[\\d+\\] Held-out-top_k_accuracy_\\d+=([0-9.]+)" },
  { name: "validation:top_k_accuracy", regex: "Epoch\\[\\d+\\] Validation-top_k_accuracy_\\d+=([0-9.]+)" },
  { name: "held_out:accuracy_low", regex: "held-out pictures are right: an accuracy between ([0-9.]+)" },
  { name: "held_out:accuracy_high", regex: "held-out pictures are right: an accuracy between [0-9.]+ and ([0-9.]+)" },
  { name: "validation:accuracy_low", regex: "validation pictures are right: an accuracy between ([0-9.]+)" },
  {
    name: "validation:accuracy_high",
    regex: "validation pictures are right: an accuracy between [0-9.]+ and ([0-9.]+)",
  },
  { name: "held_out:precision", regex: "Held-out-precision=([0-9.]+)" },
  { name: "held_out:recall", regex: "Held-out-recall=([0-9.]+)" },
  { name: "validation:precision", regex: "Validation-precision=([0-9.]+)" },
  { name: "validation:recall", regex: "Validation-recall=([0-9.]+)" },
  { name: "calibration:error_before", regex: "a calibration error of ([0-9.]+) before" },
  { name: "calibration:error_after", regex: "a calibration error of [0-9.]+ before and ([0-9.]+) after" },
  { name: "held_out:exact_match", regex: "Held-out-exact-match=([0-9.]+)" },
  { name: "held_out:mean_average_precision", regex: "Held-out-mean-average-precision=([0-9.]+)" },
  { name: "validation:exact_match", regex: "Validation-exact-match=([0-9.]+)" },
  { name: "validation:mean_average_precision", regex: "Validation-mean-average-precision=([0-9.]+)" },
  { name: "held_out:calibration_error", regex: "Held-out-calibration-error=([0-9.]+)" },
  { name: "validation:calibration_error", regex: "Validation-calibration-error=([0-9.]+)" },
  { name: "held_out:guaranteed_risk", regex: "Guaranteed-risk=([0-9.]+)" },
  { name: "held_out:guaranteed_threshold", regex: "Guaranteed-threshold=([0-9.]+)" },
  { name: "train:images_per_second", regex: "Epoch\\[\\d+\\] Speed=([0-9.]+)" },
];

/** A log line that warns, behind its time; the service shows the group to whoever asks for the job. */
export const warning = /^\[[^\]]*\] (Warning: .+)$/;
