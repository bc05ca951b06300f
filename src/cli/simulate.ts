import { PutObjectCommand } from "@aws-sdk/client-s3";
import { runTraffic } from "../traffic/run-traffic.ts";
import { trafficPicture } from "../traffic/traffic-picture.ts";
import { type Schedule, type TrafficItem, trafficPlan } from "../traffic/traffic-plan.ts";
import type { Conditions } from "../vehicles/conditions.ts";
import { lights, weathers } from "../vehicles/conditions.ts";
import { connect } from "./clients.ts";
import { exitCodes, type Invocation, numberOption, textOption, UsageError, wholeNumberOption } from "./command.ts";
import { maxPictureSize } from "./commands.ts";
import { vehicleKind } from "./workflow/drawn-data-set.ts";
import { imageInput, runExecution } from "./workflow/executions.ts";
import { defaultBucket, names, stateMachineArn } from "./workflow/names.ts";
import { requiredStateMachine } from "./workflow/required.ts";
import { timestampedName } from "./workflow/timestamp.ts";

const maxRatePerSecond = 1_000;
const maxDurationSeconds = 24 * 3_600;
const maxBurst = 10_000;
const maxConcurrency = 1_000;

export async function run(invocation: Invocation): Promise<number> {
  const { terminal, signal } = invocation;
  const size = wholeNumberOption(invocation, "size", { default: 32, min: 16, max: maxPictureSize });
  const concurrency = wholeNumberOption(invocation, "concurrency", { default: 64, min: 1, max: maxConcurrency });
  const conditions = conditionsOf(textOption(invocation, "conditions") ?? "mixed");
  const kinds = (textOption(invocation, "classes") ?? "bicycle,motorcycle").split(",").map(vehicleKind);
  const plan = trafficPlan({
    seed: wholeNumberOption(invocation, "seed", { default: 1, min: 0, max: 2 ** 31 - 1 }),
    schedule: scheduleOf(invocation),
    mix: Object.fromEntries(kinds.map((kind) => [kind, 1])),
    corruptedShare: numberOption(invocation, "corrupt", { default: 0, min: 0, max: 1 }),
    ...(conditions === undefined ? {} : { drift: { after: 0, conditions } }),
  });
  const clients = await connect(invocation);
  try {
    const bucket = textOption(invocation, "bucket") ?? defaultBucket(clients);
    const prefix = `${textOption(invocation, "prefix") ?? names.prefix}/simulated/${timestampedName("run", Date.now())}`;
    const arn = await requiredStateMachine(clients, stateMachineArn(clients, names.chain));
    const deliver = async (item: TrafficItem, itemSignal: AbortSignal): Promise<string> => {
      const key = `${prefix}/${item.className}_${String(item.index).padStart(6, "0")}.png`;
      const picture = trafficPicture(item, { size });
      await clients.s3.send(
        new PutObjectCommand({ Bucket: bucket, Key: key, Body: picture, ContentType: "image/png" }),
      );
      const { status, error } = await runExecution(clients, arn, imageInput(bucket, key), itemSignal);
      return error === undefined ? status : `${status} (${error})`;
    };
    const report = await terminal.step(
      "simulate deliveries",
      () =>
        runTraffic(plan, deliver, {
          signal,
          concurrency,
          onProgress: ({ done, planned, underWay, errors }) =>
            terminal.progress(`${done} of ${planned} done, ${underWay} under way, ${errors} errors`),
        }),
      (done) =>
        Object.entries(done.outcomes)
          .map(([outcome, count]) => `${count} ${outcome}`)
          .join(", "),
    );
    const { results, ...figures } = report;
    const errors = results.filter((result) => result.error !== undefined);
    terminal.json({ ...figures, s3Prefix: `s3://${bucket}/${prefix}`, errors });
    if (report.latency)
      terminal.print(
        `from planned start to end: p50 ${Math.round(report.latency.p50)} ms, p99 ${Math.round(report.latency.p99)} ms`,
      );
    if (errors[0]) terminal.note(`${errors.length} could not be sent, the first because: ${errors[0].error}`);
    terminal.note("next: scones watch");
    if (signal.aborted) return exitCodes.interrupted;
    return errors.length === 0 ? exitCodes.done : exitCodes.failed;
  } finally {
    clients.close();
  }
}

function scheduleOf(invocation: Invocation): Schedule {
  if (textOption(invocation, "burst") !== undefined) {
    return { kind: "burst", count: wholeNumberOption(invocation, "burst", { default: 1, min: 1, max: maxBurst }) };
  }
  return {
    kind: "poisson",
    ratePerSecond: numberOption(invocation, "rate", { default: 2, min: 0.001, max: maxRatePerSecond }),
    durationSeconds: numberOption(invocation, "duration", { default: 30, min: 1, max: maxDurationSeconds }),
  };
}

/** The world that the pictures show: `mixed` is as the data set was drawn. */
function conditionsOf(name: string): Conditions | undefined {
  if (name === "mixed") return undefined;
  const light = lights.find((candidate) => candidate === name);
  if (light) return { light };
  const weather = weathers.find((candidate) => candidate === name);
  if (weather) return { weather, severity: 0.8 };
  if (name === "rotated") return { rotateDegrees: 90 };
  throw new UsageError(`--conditions must be mixed, rotated, ${[...lights, ...weathers].join(", ")}, not "${name}"`);
}
