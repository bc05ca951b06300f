import type { Evaluation, Guarantees } from "../learn/evaluation.ts";
import {
  type Goal,
  guaranteedThreshold,
  picturesNeeded,
  type RiskPoint,
  smallestGuaranteedRisk,
} from "../learn/risk.ts";
import { connect } from "./clients.ts";
import { exitCodes, type Invocation, numberOption, textOption, UsageError } from "./command.ts";
import type { Terminal } from "./terminal.ts";
import { drawQuality } from "./workflow/quality-pictures.ts";
import { readEvaluation } from "./workflow/read-evaluation.ts";

type Pictures = "heldOut" | "validation";

/** Ends with 1 when no threshold can be guaranteed: a script must not go on as if there were one. */
export async function run(invocation: Invocation): Promise<number> {
  const { terminal } = invocation;
  const goal: Goal = {
    risk: numberOption(invocation, "risk", { default: 0.02, min: 0.0001, max: 0.9999 }),
    confidence: numberOption(invocation, "confidence", { default: 0.95, min: 0.5, max: 0.999999 }),
  };
  const on = picturesOption(invocation);
  const out = textOption(invocation, "out");
  const { source, evaluation, curve } = await readEvaluation(invocation.positionals[0], () => connect(invocation));
  const guarantees = evaluation.guarantees[on];
  const measured = evaluation[on];
  if (guarantees === undefined || measured === undefined) {
    throw new Error(`${source} was measured on no ${on === "heldOut" ? "held-out" : "validation"} pictures`);
  }
  const chosen = guarantees.unsoundBecause === undefined ? guaranteedThreshold(guarantees, goal) : undefined;
  const smallestRisk = smallestGuaranteedRisk(guarantees, goal.confidence)?.risk;
  const files = out === undefined ? [] : await drawQuality(out, { evaluation, on, curve, goal, chosen });
  terminal.json({
    source,
    ...goal,
    pictures: guarantees.pictures,
    threshold: chosen?.threshold ?? null,
    accepted: chosen?.accepted ?? 0,
    wrong: chosen?.wrong ?? 0,
    coverage: chosen === undefined ? 0 : chosen.accepted / guarantees.pictures,
    smallestGuaranteedRisk: guarantees.unsoundBecause === undefined ? (smallestRisk ?? null) : null,
    unsoundBecause: guarantees.unsoundBecause ?? null,
    accuracy: measured.accuracy,
    accuracyInterval95: measured.accuracyInterval95,
    thresholds: measured.thresholds,
    files,
  });
  if (!terminal.isJson) {
    printMeasured(terminal, { source, evaluation, on });
    for (const line of verdict(guarantees, goal, { chosen, smallestRisk })) terminal.print(line);
    for (const file of files) terminal.print(file);
  }
  return chosen === undefined ? exitCodes.failed : exitCodes.done;
}

function picturesOption(invocation: Invocation): Pictures {
  const on = textOption(invocation, "on") ?? "held-out";
  if (on === "held-out") return "heldOut";
  if (on === "validation") return "validation";
  throw new UsageError(`--on must be held-out or validation, not "${on}"`);
}

function printMeasured(
  terminal: Terminal,
  { source, evaluation, on }: { source: string; evaluation: Evaluation; on: Pictures },
): void {
  const measured = evaluation[on]!;
  const [low, high] = measured.accuracyInterval95.map(shown) as [string, string];
  terminal.print(source);
  terminal.print(
    `${measured.correct} of ${measured.pictures} ${on === "heldOut" ? "held-out" : "validation"} pictures right: accuracy ${shown(measured.accuracy)} (95 % interval ${low} to ${high}), calibration error ${shown(measured.expectedCalibrationError)}`,
  );
  terminal.print("");
  terminal.print("threshold   pass   wrong   wrong of those   at most (95 %, this threshold alone)");
  for (const { threshold, accepted, wrong, risk, riskBound95 } of measured.thresholds) {
    const columns = [
      threshold.toFixed(2).padStart(9),
      String(accepted).padStart(5),
      String(wrong).padStart(6),
      (risk === null ? "-" : shown(risk)).padStart(15),
      shown(riskBound95).padStart(8),
    ];
    terminal.print(columns.join("  "));
  }
  terminal.print("");
}

function verdict(
  guarantees: Guarantees,
  goal: Goal,
  { chosen, smallestRisk }: { chosen: RiskPoint | undefined; smallestRisk: number | undefined },
): string[] {
  const { pictures } = guarantees;
  const promise = `at most ${goal.risk} of the answers that pass are wrong, with confidence ${goal.confidence}`;
  if (chosen !== undefined) {
    return [
      `threshold ${chosen.threshold.toFixed(4)}: ${promise}`,
      `  ${chosen.accepted} of ${pictures} pictures pass, ${chosen.wrong} of them wrong`,
      `next: scones deploy --threshold ${Math.ceil(chosen.threshold * 1e4) / 1e4}`,
    ];
  }
  const lines = [`no threshold can be guaranteed: ${promise}`];
  if (guarantees.unsoundBecause !== undefined) return [...lines, `  ${guarantees.unsoundBecause}`];
  lines.push(
    `  ${pictures} pictures are too few, or too many of them wrong: this goal needs ${picturesNeeded(guarantees, goal)} passing pictures with none wrong among them, more otherwise`,
  );
  if (smallestRisk !== undefined)
    lines.push(`  the smallest risk that these pictures prove is ${smallestRisk}: --risk ${smallestRisk}`);
  lines.push(
    "  more pictures: train with a larger hold_out, or calibrate on the validation channel with --on validation",
  );
  return lines;
}

function shown(share: number): string {
  return share.toFixed(4);
}
