import { labelsOf, openPictures } from "../data/picture-set.ts";
import { type NetworkWeights, servedModel } from "../graph/models.ts";
import { toPlainOrder } from "../graph/weight-order.ts";
import { type Layout, layoutOf } from "../network.ts";
import { randomFrom, shuffled } from "../random.ts";
import { learningRateAt, type Plan } from "../recipe.ts";
import { taskOf } from "../task/task-of.ts";
import { lessonOf, logitsOfTurns, withoutTurns } from "../turns.ts";
import { viewsOf } from "../views.ts";
import { augmenter } from "./augmentation.ts";
import { meeting } from "./barrier.ts";
import { type Choice, type Progress, saveCheckpoint, writeWhole } from "./checkpoint.ts";
import { evaluationChunk, evaluator } from "./evaluate.ts";
import { updater } from "./optimiser.ts";
import { floatsOf, floatTensor, openSession } from "./runtime.ts";
import type { EpochReport, WorkerJob, WorkerMessage } from "./worker-job.ts";

// One worker of a training: gradients of its groups of each batch, then its share of the update. All workers run the
// same program on the same numbers and meet at barriers; the first one also keeps the statistics and reports.
//
// D1. The same seed gives the same bits, for any number of workers that the same groups are shared by: sums over groups run in
//     the order of the groups, and a picture's augmentation depends on seed, epoch and picture only.
// D2. Tensors never lie over shared memory (ONNX Runtime refuses them): each worker copies in and out.

/** What an interruption may cost at most, beside the epoch at hand. Writing takes some milliseconds. */
const checkpointEveryMs = 10_000;

export async function workerLoop(job: WorkerJob, tell: (message: WorkerMessage) => void): Promise<void> {
  const { worker, plan, shared } = job;
  const { workers, batch, epochs, stepsPerEpoch } = plan;
  const meet = meeting(shared.control, workers);
  const gradients = await gradientsOfShare(job);
  const evaluate = await evaluation(job, meet.barrier);
  const updateShare = updateOfShare(job);
  const { resumed } = job.checkpoint ?? {};
  const choose = worker === 0 ? bestEpoch(job) : undefined;
  const curve: EpochReport[] = [...(resumed?.curve ?? [])];
  const beganMs = performance.now() - 1000 * (resumed?.elapsedSeconds ?? 0);
  const saveIfDue = checkpointing(job, tell);
  const batches = batchReports(job, tell);
  let step = resumed?.step ?? 0;
  const isOver = () => meet.isStopping() || shared.progress[0]! >= 1;

  for (let epoch = resumed?.epoch ?? 0; epoch < epochs && !isOver(); epoch++) {
    const startedMs = performance.now();
    const order = shuffled(job.showings.length, randomFrom(plan.seed, 2, epoch));
    let [loss, right, among, steps] = [0, 0, 0, 0];
    batches.begin(epoch);
    for (; steps < stepsPerEpoch && !isOver(); steps++) {
      await gradients(epoch, order, steps);
      meet.barrier();
      const rate = learningRateAt(shared.progress[0]!, plan);
      updateShare(++step, rate);
      // Everyone has read the progress before the first worker, which waits here for the slower ones, moves it on.
      meet.barrier();
      if (worker === 0) {
        updateStatistics(job, step);
        const tally = sumOfTallies(job);
        loss += tally.loss;
        right += tally.accuracy;
        among += tally.topK;
        if (!Number.isFinite(tally.loss)) {
          tell({ kind: "diverged", epoch, step, loss: tally.loss });
          meet.abort();
        }
        shared.progress[0] = progressAt(plan, step, (performance.now() - beganMs) / 1000);
        meet.agreeOnStop();
        batches.done(steps, right / (steps + 1));
      }
      meet.barrier();
    }
    const seconds = (performance.now() - startedMs) / 1000;
    const isEvaluated = epoch === epochs - 1 || isOver() || epoch % plan.evaluateEvery === plan.evaluateEvery - 1;
    if (isEvaluated) await evaluate();
    if (worker === 0) {
      const report: EpochReport = {
        epoch,
        steps,
        trainLoss: loss / steps,
        trainAccuracy: right / steps,
        ...(plan.topK === undefined ? {} : { trainTopKAccuracy: among / steps }),
        seconds,
        imagesPerSecond: (steps * batch) / seconds,
        ...(isEvaluated ? scores(job) : {}),
      };
      if (isEvaluated && choose?.(report)) meet.askToStop();
      if (isEvaluated) meet.agreeOnStop();
      tell({ kind: "epoch", report });
      curve.push(report);
      // Not in the middle of an epoch that was cut short: who resumes would take it for a whole one.
      if (!isOver())
        saveIfDue({
          epoch: epoch + 1,
          step,
          progress: shared.progress[0]!,
          elapsedSeconds: (performance.now() - beganMs) / 1000,
          choice: choose?.memory() ?? { waited: 0 },
          curve,
        });
    }
    // The others wait here until the logits are read, the decision to go on has been taken and the checkpoint is written.
    meet.barrier();
  }
  if (worker === 0) tell({ kind: "finished", steps: step, bestEpoch: choose?.epoch(), isStopped: meet.isStopping() });
}

/** How far the training is, from 0 to 1: by steps, or by time where there is a limit that would come first. */
function progressAt({ epochs, stepsPerEpoch, maxSeconds }: Plan, step: number, elapsedSeconds: number): number {
  const bySteps = step / (epochs * stepsPerEpoch);
  return maxSeconds === undefined ? bySteps : Math.max(bySteps, elapsedSeconds / maxSeconds);
}

/** Told early once, so that it is known soon how long everything takes, and then in epochs that are long. */
const firstTold = 20;
const toldEveryMs = 10_000;

function batchReports({ plan, checkpoint }: WorkerJob, tell: (message: WorkerMessage) => void) {
  let [epoch, told, toldMs] = [0, -1, 0];
  const firstEpoch = checkpoint?.resumed?.epoch ?? 0;
  return {
    begin(next: number) {
      [epoch, told, toldMs] = [next, -1, performance.now()];
    },
    done(batch: number, trainAccuracy: number) {
      const nowMs = performance.now();
      const isFirst = epoch === firstEpoch && batch === firstTold && batch < plan.stepsPerEpoch - 1;
      if (!isFirst && nowMs - toldMs < toldEveryMs) return;
      const imagesPerSecond = (1000 * (batch - told) * plan.batch) / (nowMs - toldMs);
      tell({ kind: "batch", report: { epoch, batch, trainAccuracy, imagesPerSecond } });
      [told, toldMs] = [batch, nowMs];
    },
  };
}

type Share = (epoch: number, order: Uint32Array, stepOfEpoch: number) => Promise<void>;

/** Prepares this worker's groups of a batch, computes their gradients and lays them out for the others. */
async function gradientsOfShare(job: WorkerJob): Promise<Share> {
  const { worker, plan, layout, shared, set, showings } = job;
  const { group: size, batch, workers } = plan;
  const asked = taskOf(plan.network.classes, plan.multiLabel);
  const { classes, columns } = asked;
  const { task, rowOf } = lessonOf(plan.network, asked, plan.turns);
  const { outcomes } = task;
  const floats = 3 * set.height * set.width;
  const session = await openSession(job.gradientModel);
  const augment = augmenter(openPictures(set), job.normalisation, plan.augmentation);
  const x = new Float32Array(size * floats);
  const target = new Float32Array(size * outcomes);
  const parameters = new Float32Array(layout.total);
  const gradients = new Float32Array(layout.total);
  const labels = new Int32Array(size * columns);
  const turns = new Int32Array(size);
  const feeds = {
    x: floatTensor(x, [size, 3, set.height, set.width]),
    target: floatTensor(target, [size, outcomes]),
    P: floatTensor(parameters, [layout.total]),
  };
  const fetches = { G: floatTensor(gradients, [layout.total]), logits: null, S: null };
  return async (epoch, order, stepOfEpoch) => {
    parameters.set(shared.parameters);
    for (let group = worker; group < batch / size; group += workers) {
      const first = stepOfEpoch * batch + group * size;
      for (let i = 0; i < size; i++) {
        const showing = showings[order[(first + i) % order.length]!]!;
        const index = showing % set.count;
        const random = randomFrom(plan.seed, 3, epoch, showing);
        const turn = plan.turns === 1 ? 0 : random.integer(plan.turns);
        augment.picture(index, random, { target: x, offset: i * floats, turn });
        const own = set.labels.subarray(index * columns, (index + 1) * columns);
        labels.set(own, i * columns);
        turns[i] = turn;
        task.fillTarget(target.subarray(i * outcomes, (i + 1) * outcomes), rowOf(own, turn), plan.labelSmoothing);
      }
      const outputs = await session.run(feeds, fetches);
      shared.gradients.set(gradients, group * layout.total);
      shared.batchStatistics.set(floatsOf(outputs, "S"), group * layout.statistics);
      // What the lesson adds to the labels is left out: this compares with the scores of pictures that are not trained on.
      const logits = logitsOfTurns(floatsOf(outputs, "logits"), turns, classes);
      const { loss, accuracy, topKAccuracy = 0 } = asked.score(logits, labels, plan.topK);
      shared.tallies.set([loss, accuracy, topKAccuracy], 3 * group);
    }
  };
}

/** Updates this worker's part of the parameters and of their running average. */
function updateOfShare({ worker, plan, layout, shared }: WorkerJob): (step: number, rate: number) => void {
  const { workers } = plan;
  const groups = plan.batch / plan.group;
  const { parameters, average } = shared;
  const from = Math.floor((layout.total * worker) / workers);
  const to = Math.floor((layout.total * (worker + 1)) / workers);
  const update = updater(shared, { layout, groups, from, to }, plan.optimizer);
  return (step, rate) => {
    update(step, rate);
    const keep = keepAt(step, plan);
    for (let i = from; i < to; i++) average[i] = keep * average[i]! + (1 - keep) * parameters[i]!;
  };
}

function sumOfTallies({ plan, shared }: WorkerJob): { loss: number; accuracy: number; topK: number } {
  const groups = plan.batch / plan.group;
  let [loss, accuracy, topK] = [0, 0, 0];
  for (let group = 0; group < groups; group++) {
    loss += shared.tallies[3 * group]! / groups;
    accuracy += shared.tallies[3 * group + 1]! / groups;
    topK += shared.tallies[3 * group + 2]! / groups;
  }
  return { loss, accuracy, topK };
}

/** Early on the average forgets faster, or it would remember the random start. */
function keepAt(step: number, plan: Plan): number {
  return Math.min(plan.averageDecay, step / (9 + step));
}

/** Running means and variances: the mean over groups, averaged over steps; PyTorch's rule, warmed up. */
function updateStatistics({ shared, layout, plan }: WorkerJob, step: number): void {
  const keep = keepAt(step, plan);
  const decay = Math.min(0.9, step / (step + 5));
  const groups = plan.batch / plan.group;
  for (let i = 0; i < layout.statistics; i++) {
    let sum = 0;
    for (let group = 0; group < groups; group++) sum += shared.batchStatistics[group * layout.statistics + i]!;
    shared.statistics[i] = decay * shared.statistics[i]! + ((1 - decay) * sum) / groups;
    shared.averageStatistics[i] = keep * shared.averageStatistics[i]! + (1 - keep) * shared.statistics[i]!;
  }
}

/** Evaluates this worker's chunks of the held-out and the validation pictures with the averaged weights. */
async function evaluation(job: WorkerJob, barrier: () => void): Promise<() => Promise<void>> {
  const { shared, plan, worker, validation, heldOutIndices } = job;
  const session = await openSession(job.evaluationModel);
  const { classes } = plan.network;
  const everything = Uint32Array.from({ length: validation?.count ?? 0 }, (_, i) => i);
  const sets = [
    { pictures: openPictures(job.set), indices: heldOutIndices },
    ...(validation === undefined ? [] : [{ pictures: openPictures(validation), indices: everything }]),
  ];
  return async () => {
    const evaluate = evaluator(session, averaged(job).weights, job.normalisation);
    let row = 0;
    for (const { pictures, indices } of sets) {
      for (let from = 0, chunk = 0; from < indices.length; from += evaluationChunk, chunk++) {
        if (chunk % plan.workers !== worker) continue;
        const logits = await evaluate.logits(pictures, indices.subarray(from, from + evaluationChunk));
        shared.logits.set(logits, (row + from) * classes);
      }
      row += indices.length;
    }
    barrier();
  };
}

function scores({ shared, set, heldOutIndices, validation, plan }: WorkerJob): Partial<EpochReport> {
  const { classes, score } = taskOf(plan.network.classes, plan.multiLabel);
  const held = heldOutIndices.length;
  const result: Partial<EpochReport> = {};
  if (held > 0) result.heldOut = score(shared.logits, labelsOf(set, heldOutIndices), plan.topK);
  if (validation !== undefined) {
    result.validation = score(shared.logits.subarray(held * classes), validation.labels, plan.topK);
  }
  return result;
}

/** Writes checkpoints while all other workers wait, or nothing would hold still. */
function checkpointing(job: WorkerJob, tell: (message: WorkerMessage) => void): (progress: Progress) => void {
  const { checkpoint, shared, plan } = job;
  let writtenMs = performance.now();
  return (progress) => {
    if (checkpoint === undefined || progress.epoch >= plan.epochs) return;
    const isAsked = checkpoint.everyEpochs !== undefined && progress.epoch % checkpoint.everyEpochs === 0;
    if (!isAsked && performance.now() - writtenMs < checkpointEveryMs) return;
    try {
      // The model first: who goes on from the checkpoint never comes by this epoch again.
      const epoch = checkpoint.epochsBefore + progress.epoch;
      const models = isAsked ? [saveModel(job, checkpoint.folder, epoch)] : [];
      tell({ kind: "checkpoint", paths: [...models, saveCheckpoint(checkpoint, progress, shared)] });
    } catch (error) {
      tell({ kind: "checkpointFailed", message: (error as Error).message });
    }
    writtenMs = performance.now();
  };
}

/** The network as it would be if the training ended now. */
function averaged({ plan, layout, shared }: WorkerJob): { weights: NetworkWeights; layout: Layout } {
  const kept = layoutOf(plan.network, plan.precision);
  const parameters = toPlainOrder(new Float32Array(shared.average), layout, { batch: plan.group, block: plan.block });
  const statistics = new Float32Array(shared.averageStatistics);
  return { weights: { parameters: withoutTurns(parameters, layout, kept), statistics }, layout: kept };
}

/** The averaged weights of this network so far as a model of their own, uncalibrated, named as AWS names its checkpoints. */
function saveModel(job: WorkerJob, folder: string, epoch: number): string {
  const { plan, normalisation } = job;
  const { weights: network, layout } = averaged(job);
  const weights = { members: [network], views: viewsOf(plan.views), temperature: 1, ...normalisation };
  const task = taskOf(plan.network.classes, plan.multiLabel);
  const model = servedModel(plan.network, layout, { task, weights, height: plan.height, width: plan.width });
  return writeWhole(folder, { name: `image-classification-${String(epoch).padStart(4, "0")}.onnx`, parts: [model] });
}

/** Keeps the weights of the best epoch, where one is chosen, and says whether to stop after this one. */
function bestEpoch({ plan, shared, checkpoint }: WorkerJob) {
  const { selectedBy, earlyStopping: rules } = plan;
  if (selectedBy === undefined) return undefined;
  const memory: Choice = checkpoint?.resumed?.choice ?? { waited: 0 };
  const choose = (report: EpochReport): boolean => {
    const score = report[selectedBy];
    // A set too small to hold anything out has nothing to choose by.
    if (score === undefined) return false;
    const { accuracy, loss } = score;
    const { best } = memory;
    if (best === undefined || accuracy > best.accuracy || (accuracy === best.accuracy && loss < best.loss)) {
      memory.best = { accuracy, loss, epoch: report.epoch };
      shared.best.set(shared.average);
      shared.bestStatistics.set(shared.averageStatistics);
    }
    if (rules === undefined) return false;
    // As AWS has it: the tolerance is a share of what was reached before.
    if (memory.reference === undefined || accuracy > memory.reference * (1 + rules.tolerance)) {
      memory.reference = accuracy;
      memory.waited = 0;
    } else if (report.epoch >= rules.minEpochs) memory.waited++;
    return memory.waited >= rules.patience;
  };
  return Object.assign(choose, { epoch: () => memory.best?.epoch, memory: () => memory });
}
