import { type ChartSpec, chartToSvg } from "../../draw/charts/chart.ts";
import { confusionMatrix } from "../../draw/charts/confusion-matrix.ts";
import { reliabilityDiagram } from "../../draw/charts/reliability.ts";
import { riskCoverageChart } from "../../draw/charts/risk-coverage.ts";
import { lastEpochs, trainingCurve } from "../../draw/charts/training-curve.ts";
import type { Evaluation } from "../../learn/evaluation.ts";
import { type Goal, type RiskPoint, upperBound } from "../../learn/risk.ts";
import type { EpochReport } from "../../learn/training/worker-job.ts";
import { writePicture } from "./pictures.ts";

export interface Quality {
  evaluation: Evaluation;
  on: "heldOut" | "validation";
  curve?: readonly EpochReport[];
  goal: Goal;
  chosen?: RiskPoint;
}

/** Training curve, confusion matrix, reliability, and what thresholds let pass. */
export async function drawQuality(folder: string, quality: Quality): Promise<string[]> {
  const files: string[] = [];
  for (const [name, spec] of chartsOf(quality)) {
    files.push(...(await writePicture(folder, name, await chartToSvg(spec))));
  }
  return files;
}

function chartsOf({ evaluation, on, curve, goal, chosen }: Quality): [string, ChartSpec][] {
  const measured = evaluation[on]!;
  const guarantees = evaluation.guarantees[on]!;
  const { pictures, points } = guarantees;
  const what = on === "heldOut" ? "held-out pictures" : "validation pictures";
  const charts: [string, ChartSpec][] = [
    [
      "confusion-matrix",
      confusionMatrix(
        { classNames: evaluation.labels, counts: measured.confusionMatrix },
        { title: `Confusion matrix, ${what}` },
      ),
    ],
    [
      "reliability",
      reliabilityDiagram(measured.reliability, {
        title: `Reliability, ${what}`,
        calibrationError: measured.expectedCalibrationError,
      }),
    ],
    [
      "risk-coverage",
      riskCoverageChart(
        points
          .filter(({ accepted }) => accepted > 0)
          .map(({ threshold, accepted, wrong }) => ({
            threshold,
            coverage: accepted / pictures,
            risk: wrong / accepted,
            bound: upperBound(wrong, { of: accepted, confidence: 0.95 }),
          })),
        {
          title: `Risk and coverage, ${what}`,
          pictures,
          chosen: chosen && { ...goal, threshold: chosen.threshold, coverage: chosen.accepted / pictures },
        },
      ),
    ],
  ];
  if (curve !== undefined && curve.length > 0) {
    const epochs = curve.map(({ epoch, network, trainAccuracy, trainLoss, heldOut }) => ({
      epoch,
      network,
      trainAccuracy,
      trainLoss,
      heldOutAccuracy: heldOut?.accuracy,
      heldOutLoss: heldOut?.loss,
    }));
    const selected = /epochs? (\d[\d, ]*)/.exec(evaluation.selection)?.[1]?.match(/\d+/g)?.map(Number);
    const keptEpochs = selected ?? lastEpochs(curve);
    charts.unshift(["training-curve", trainingCurve(epochs, { keptEpochs, heldOutName: "held-out pictures" })]);
  }
  return charts;
}
