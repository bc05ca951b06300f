import { toPlainOrder } from "../graph/weight-order.ts";
import { randomFrom, shuffled } from "../random.ts";
import { learningRateAt } from "../recipe.ts";
import { augmenter } from "./augmentation.ts";
import { meeting } from "./barrier.ts";
import { evaluationChunk, evaluator, score } from "./evaluate.ts";
import { decayMask, update } from "./optimiser.ts";
import { floatsOf, floatTensor, openSession } from "./runtime.ts";
import type { EpochReport, WorkerJob, WorkerMessage } from "./worker-job.ts";

// One worker of a training: gradients of its share of each batch, then its share of the update. All workers run the
// same program on the same numbers and meet at barriers; the first one also keeps the statistics and reports.
//
// D1. The same seed and number of workers give the same bits: sums over workers run in the order of the workers, and
//     a picture's augmentation depends on seed, epoch and picture only.
// D2. Tensors never lie over shared memory (ONNX Runtime refuses them): each worker copies in and out.

export async function workerLoop(job: WorkerJob, tell: (message: WorkerMessage) => void): Promise<void> {
  const { worker, plan, layout, shared, set, trainIndices } = job;
  const { workers, batch, network, epochs, stepsPerEpoch } = plan;
  const meet = meeting(shared.control, workers);
  const share = batch / workers;
  const { classes } = network;
  const size = 3 * set.height * set.width;

  const session = await openSession(job.gradientModel);
  const evaluate = await evaluation(job, meet.barrier);
  const augment = augmenter(set, job.normalisation, plan.augmentation);
  const x = new Float32Array(share * size);
  const target = new Float32Array(share * classes);
  const parameters = new Float32Array(layout.total);
  const gradients = new Float32Array(layout.total);
  const feeds = {
    x: floatTensor(x, [share, 3, set.height, set.width]),
    target: floatTensor(target, [share, classes]),
    P: floatTensor(parameters, [layout.total]),
  };
  const fetches = { G: floatTensor(gradients, [layout.total]), loss: null, logits: null, S: null };
  const mask = decayMask(layout);
  const from = Math.floor((layout.total * worker) / workers);
  const to = Math.floor((layout.total * (worker + 1)) / workers);
  const labels = new Int32Array(share);
  const choose = worker === 0 ? bestEpoch(job) : undefined;
  let step = 0;

  const prepare = (order: Uint32Array, epoch: number, first: number) => {
    target.fill(plan.labelSmoothing / classes);
    for (let i = 0; i < share; i++) {
      const index = trainIndices[order[(first + i) % order.length]!]!;
      augment.picture(index, randomFrom(plan.seed, 3, epoch, index), { target: x, offset: i * size });
      labels[i] = set.labels[index]!;
      target[i * classes + labels[i]!]! += 1 - plan.labelSmoothing;
    }
  };

  for (let epoch = 0; epoch < epochs && !meet.isStopping(); epoch++) {
    const startedMs = performance.now();
    const order = shuffled(trainIndices.length, randomFrom(plan.seed, 2, epoch));
    let [loss, right, steps] = [0, 0, 0];
    for (; steps < stepsPerEpoch && !meet.isStopping(); steps++) {
      prepare(order, epoch, steps * batch + worker * share);
      parameters.set(shared.parameters);
      const outputs = await session.run(feeds, fetches);
      shared.gradients.set(gradients, worker * layout.total);
      shared.batchStatistics.set(floatsOf(outputs, "S"), worker * layout.statistics);
      const { accuracy } = score(floatsOf(outputs, "logits"), labels, classes);
      shared.tallies[2 * worker] = floatsOf(outputs, "loss")[0]!;
      shared.tallies[2 * worker + 1] = accuracy;
      meet.barrier();

      step++;
      update(
        {
          parameters: shared.parameters,
          first: shared.first,
          second: shared.second,
          gradients: shared.gradients,
          workers,
          mask,
          from,
          to,
          rate: learningRateAt(step - 1, plan),
          step,
        },
        plan.optimizer,
      );
      const keep = Math.min(plan.averageDecay, step / (9 + step));
      for (let i = from; i < to; i++) {
        shared.average[i] = keep * shared.average[i]! + (1 - keep) * shared.parameters[i]!;
      }
      if (worker === 0) {
        updateStatistics(job, { step, keep });
        let stepLoss = 0;
        for (let one = 0; one < workers; one++) {
          stepLoss += shared.tallies[2 * one]! / workers;
          right += shared.tallies[2 * one + 1]! / workers;
        }
        loss += stepLoss;
        if (!Number.isFinite(stepLoss)) {
          tell({ kind: "diverged", epoch, step, loss: stepLoss });
          meet.abort();
        }
        meet.agreeOnStop();
      }
      meet.barrier();
    }
    const seconds = (performance.now() - startedMs) / 1000;
    const isLast = epoch === epochs - 1 || meet.isStopping();
    const isEvaluated = isLast || epoch % plan.evaluateEvery === plan.evaluateEvery - 1;
    if (isEvaluated) await evaluate();
    if (worker !== 0) {
      if (isEvaluated) meet.barrier();
      continue;
    }
    const report: EpochReport = {
      epoch,
      steps,
      trainLoss: loss / steps,
      trainAccuracy: right / steps,
      seconds,
      imagesPerSecond: (steps * batch) / seconds,
    };
    if (isEvaluated) {
      Object.assign(report, scores(job));
      if (choose?.(report)) meet.askToStop();
      meet.agreeOnStop();
    }
    tell({ kind: "epoch", report });
    // The others wait here until the logits are read and the decision to go on has been taken.
    if (isEvaluated) meet.barrier();
  }
  if (worker === 0) tell({ kind: "finished", steps: step, bestEpoch: choose?.epoch(), isStopped: meet.isStopping() });
}

/** Running means and variances: the mean over workers, averaged over steps; PyTorch's rule, warmed up. */
function updateStatistics({ shared, layout, plan }: WorkerJob, { step, keep }: { step: number; keep: number }): void {
  const decay = Math.min(0.9, step / (step + 5));
  for (let i = 0; i < layout.statistics; i++) {
    let sum = 0;
    for (let worker = 0; worker < plan.workers; worker++)
      sum += shared.batchStatistics[worker * layout.statistics + i]!;
    shared.statistics[i] = decay * shared.statistics[i]! + ((1 - decay) * sum) / plan.workers;
    shared.averageStatistics[i] = keep * shared.averageStatistics[i]! + (1 - keep) * shared.statistics[i]!;
  }
}

/** Evaluates this worker's chunks of the held-out and the validation pictures with the averaged weights. */
async function evaluation(job: WorkerJob, barrier: () => void): Promise<() => Promise<void>> {
  const { shared, layout, plan, worker, validation, heldOutIndices } = job;
  const session = await openSession(job.evaluationModel);
  const { classes } = plan.network;
  const everything = Uint32Array.from({ length: validation?.count ?? 0 }, (_, i) => i);
  const blocking = { batch: plan.batch / plan.workers, block: plan.block };
  return async () => {
    const weights = {
      parameters: toPlainOrder(new Float32Array(shared.average), layout, blocking),
      statistics: new Float32Array(shared.averageStatistics),
    };
    const evaluate = evaluator(session, weights, job.normalisation);
    let row = 0;
    for (const [set, indices] of [
      [job.set, heldOutIndices],
      [validation, everything],
    ] as const) {
      for (let from = 0, chunk = 0; set !== undefined && from < indices.length; from += evaluationChunk, chunk++) {
        if (chunk % plan.workers !== worker) continue;
        const logits = await evaluate.logits(set, indices.subarray(from, from + evaluationChunk));
        shared.logits.set(logits, (row + from) * classes);
      }
      row += indices.length;
    }
    barrier();
  };
}

function scores({ shared, set, heldOutIndices, validation, plan }: WorkerJob): Partial<EpochReport> {
  const { classes } = plan.network;
  const held = heldOutIndices.length;
  const labels = Array.from(heldOutIndices, (index) => set.labels[index]!);
  const result: Partial<EpochReport> = {};
  if (held > 0) result.heldOut = score(shared.logits, labels, classes);
  if (validation !== undefined) {
    result.validation = score(shared.logits.subarray(held * classes), validation.labels, classes);
  }
  return result;
}

/** Early stopping, by the held-out pictures only: whether to stop after this epoch. Keeps the weights of the best one. */
function bestEpoch({ plan, shared }: WorkerJob) {
  const rules = plan.earlyStopping;
  if (rules === undefined) return undefined;
  let best: { accuracy: number; loss: number; epoch: number } | undefined;
  let reference = Number.NEGATIVE_INFINITY;
  let waited = 0;
  const choose = (report: EpochReport): boolean => {
    // A set too small to hold anything out has nothing to choose by.
    if (report.heldOut === undefined) return false;
    const { accuracy, loss } = report.heldOut;
    if (best === undefined || accuracy > best.accuracy || (accuracy === best.accuracy && loss < best.loss)) {
      best = { accuracy, loss, epoch: report.epoch };
      shared.best.set(shared.average);
      shared.bestStatistics.set(shared.averageStatistics);
    }
    if (accuracy > reference + rules.tolerance) {
      reference = accuracy;
      waited = 0;
    } else if (report.epoch >= rules.minEpochs) waited++;
    return waited >= rules.patience;
  };
  return Object.assign(choose, { epoch: () => best?.epoch });
}
