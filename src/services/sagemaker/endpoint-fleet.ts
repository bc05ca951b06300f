import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { EndpointLoads, VariantLoad } from "../../ports/endpoint-loads.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Candidate, Gateway } from "../../serve/gateway.ts";
import type { EndpointDefinition, VariantChange } from "../../serve/generation.ts";
import { deploymentPlan } from "./deployment-plan.ts";
import { isUnpacked, unpackSource, variantModelOf } from "./model-source.ts";
import { kindOf, parseS3Uri } from "./resource-names.ts";
import { type Rollout, rollBack, rollOut, type Stage } from "./rollout.ts";
import {
  allVariants,
  captureSettingsOf,
  type PendingSnapshot,
  type Snapshot,
  type SnapshotVariant,
  type StoredEndpoint,
} from "./stored-endpoint.ts";
import { sweepFolder } from "./sweep-folder.ts";
import { forgetTags } from "./tags.ts";

/*
 * Brings endpoints to where their documents say they should be, in the background. What is to happen is in the document before
 * it happens, so that a restarted server goes on with it: an endpoint that was in service comes back by itself, from the
 * packages it had unpacked; a deployment that was under way begins again at its first step, and one that was being rolled back
 * is over, because the old fleet is all that came back.
 */

export interface EndpointFleetOptions {
  resources: Resources;
  blobs: Blobs;
  clock: Clock;
  gateway: Gateway;
  /** Buckets are asked for through it. */
  operations: Operations;
  metrics?: Metrics;
  /** Unpacked models live here. */
  directory: string;
  /** What every program of the user's finds in its environment. */
  programEnvironment: () => Readonly<Record<string, string>>;
  /** Told after every change of an endpoint's status. */
  onChange: (endpoint: StoredEndpoint) => void;
  /** Told after every step of a deployment. */
  onStage: (endpoint: StoredEndpoint) => void;
  report: (message: string, error: unknown) => void;
}

const kind = kindOf("endpoint");
/** As AWS bounds a FailureReason. */
const maxReasonLength = 1024;

export class EndpointFleet implements EndpointLoads {
  readonly #options: EndpointFleetOptions;
  readonly #work = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: EndpointFleetOptions) {
    this.#options = options;
  }

  /** After a start of the server: everything goes on from its document. */
  resume(): void {
    const endpoints = this.#options.resources.list<StoredEndpoint>(kind);
    const wanted = new Set(
      endpoints.flatMap(({ value }) => [...packagesOf(value.current), ...packagesOf(value.pending)]),
    );
    this.#background("packages", () => sweepFolder(this.#options.directory, wanted));
    for (const { value } of endpoints) {
      if (value.status === "Deleting") this.remove(value.name);
      else if (value.current !== undefined || value.status !== "Failed") {
        this.#background(value.name, () => this.#comeBack(value));
      }
    }
  }

  /** The document has a pending snapshot: brings it up and makes it the current one. */
  deploy(name: string): void {
    this.#background(name, () => this.#deploy(name));
  }

  /** Variants of the document's current snapshot have desired weights and counts: brings them about. */
  adjust(name: string): void {
    this.#background(name, () => this.#adjust(name));
  }

  /** The document says Deleting: answers what is under way, then forgets everything. */
  remove(name: string): void {
    this.#background(name, async () => {
      const endpoint = this.#find(name);
      await this.#options.gateway.remove(name);
      await this.#forgetPackages(endpoint?.current);
      await this.#forgetPackages(endpoint?.pending);
      this.#options.resources.delete(kind, name);
      if (endpoint !== undefined) forgetTags(this.#options.resources, endpoint.arn);
    });
  }

  isFailingCaptures(name: string): boolean {
    return this.#options.gateway.isFailingCaptures(name);
  }

  loads(): VariantLoad[] {
    const { resources, gateway } = this.#options;
    return resources.list<StoredEndpoint>(kind).flatMap(({ value: { name, status, current } }) => {
      const measured = gateway.loads(name);
      return (current?.variants ?? []).flatMap((variant) => {
        const load = measured.find(({ variantName }) => variantName === variant.name);
        return load === undefined
          ? []
          : [variantLoad(variant, { ...load, endpointName: name, isSettled: status === "InService" })];
      });
    });
  }

  /** Closes the gateway too: what is being brought up ends with it. */
  async close(): Promise<void> {
    this.#closing.abort(new Error("the server is closing"));
    await this.#options.gateway.close();
    await Promise.all(this.#work);
  }

  async #comeBack({ name, status, current, pending }: StoredEndpoint): Promise<void> {
    const isBack = await this.#restore(name);
    if (status === "RollingBack") {
      await this.#forgetPackages(pending);
      if (isBack) this.#change(name, { status: "InService", pending: undefined });
    } else if (pending !== undefined) await this.#deploy(name);
    else if (isBack && current !== undefined && allVariants(current).some(({ desired }) => desired !== undefined)) {
      await this.#adjust(name);
    } else if (isBack && status !== "InService") this.#change(name, { status: "InService", failureReason: undefined });
  }

  async #deploy(name: string): Promise<void> {
    const endpoint = this.#find(name);
    const pending = endpoint?.pending;
    if (endpoint === undefined || pending === undefined) return;
    const before = endpoint.current;
    let rollout: Rollout | undefined;
    try {
      this.#stage(name, { status: "Creating", share: 0 });
      await this.#checkBuckets(pending);
      await this.#unpack(pending);
      const plan = deploymentPlan(pending.deployment, countsOf(pending));
      const isStepwise = before !== undefined && plan.isRolling;
      const first = isStepwise ? (plan.steps[0]?.share ?? 1) : 1;
      const candidate = await this.#options.gateway.stage(this.#definition(name, pending, first));
      rollout = this.#rolloutOf(name, { plan, candidate, pending, before });
      if (before !== undefined) await rollOut(rollout);
      const { drained } = candidate.promote();
      const { startedMs: _started, deployment: _deployment, stage: _stage, ...current } = pending;
      this.#change(name, { status: "InService", current, pending: undefined, failureReason: undefined });
      this.#background(name, () => drained.then(() => this.#forgetPackages(before)));
    } catch (error) {
      if (this.#closing.signal.aborted) return; // not the model's fault; the next start tries again
      await this.#giveUp(endpoint, rollout, error as Error);
    }
  }

  /** What an endpoint answers would be lost without them. When AWS looks, and in which words, was never recorded. */
  async #checkBuckets({ capture, async: queued }: Snapshot): Promise<void> {
    const output = queued?.OutputConfig;
    const places: [string, string | undefined][] = [
      ["DataCaptureConfig.DestinationS3Uri", capture?.EnableCapture === false ? undefined : capture?.DestinationS3Uri],
      ["AsyncInferenceConfig.OutputConfig.S3OutputPath", output?.S3OutputPath],
      ["AsyncInferenceConfig.OutputConfig.S3FailurePath", output?.S3FailurePath],
    ];
    for (const [name, uri] of places) {
      if (uri === undefined) continue;
      const Bucket = parseS3Uri(uri).bucket;
      await this.#options.operations.call("s3", "HeadBucket", { Bucket }).catch((error: unknown) => {
        throw new Error(`The bucket "${Bucket}" of ${name} does not exist or cannot be reached.`, { cause: error });
      });
    }
  }

  #rolloutOf(
    name: string,
    {
      plan,
      candidate,
      pending,
      before,
    }: Pick<Rollout, "plan"> & {
      candidate: Candidate;
      pending: PendingSnapshot;
      before: Snapshot | undefined;
    },
  ): Rollout {
    const { clock, gateway, metrics } = this.#options;
    return {
      clock,
      candidate,
      plan,
      startedMs: pending.startedMs,
      instanceCount: Math.min(...countsOf(pending)),
      resize: {
        candidate: (share) => candidate.adjust(shareOf(pending.variants, share)),
        current: (share) => gateway.adjust(name, shareOf(before?.variants ?? [], share)),
      },
      metrics,
      onStage: (stage) => this.#stage(name, stage),
      signal: this.#closing.signal,
    };
  }

  /** An update that fails leaves what was there before; a creation leaves nothing that could answer. */
  async #giveUp({ name, current, pending }: StoredEndpoint, rollout: Rollout | undefined, error: Error): Promise<void> {
    const failureReason = error.message.slice(0, maxReasonLength);
    if (rollout !== undefined) {
      this.#change(name, { status: "RollingBack", failureReason });
      await rollBack(rollout);
    }
    await this.#forgetPackages(pending);
    if (current === undefined) this.#change(name, { status: "Failed", failureReason });
    else this.#change(name, { status: "InService", failureReason, pending: undefined });
  }

  /** Weights and counts take effect together; when the new workers do not come up, everything stays as it was. */
  async #adjust(name: string): Promise<void> {
    const current = this.#find(name)?.current;
    if (current === undefined) return;
    const changes = allVariants(current).map(
      ({ name: variantName, weight, instanceCount, desired }): VariantChange => ({
        variantName,
        weight: desired?.weight ?? weight,
        workers: desired?.instanceCount ?? instanceCount,
      }),
    );
    let failureReason: string | undefined;
    try {
      await this.#options.gateway.adjust(name, changes);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      failureReason = (error as Error).message.slice(0, maxReasonLength);
    }
    const settle = (variants: SnapshotVariant[]) =>
      variants.map(({ desired, ...variant }) => (failureReason === undefined ? { ...variant, ...desired } : variant));
    const { variants, shadows } = current;
    this.#change(name, {
      status: "InService",
      failureReason,
      current: { ...current, variants: settle(variants), ...(shadows && { shadows: settle(shadows) }) },
    });
  }

  async #restore(name: string): Promise<boolean> {
    const current = this.#find(name)?.current;
    if (current === undefined) return false;
    const { gateway, directory } = this.#options;
    try {
      if (allVariants(current).every(({ source }) => isUnpacked(source, directory))) {
        await gateway.restore(this.#definition(name, current)); // takes requests from now on
      } else {
        await this.#unpack(current);
        await gateway.deploy(this.#definition(name, current));
      }
      return true;
    } catch (error) {
      if (this.#closing.signal.aborted) return false;
      const failureReason = `The endpoint did not come back after a restart: ${(error as Error).message}`;
      this.#change(name, { status: "Failed", failureReason: failureReason.slice(0, maxReasonLength) });
      return false;
    }
  }

  #definition(name: string, snapshot: Snapshot, share = 1): EndpointDefinition {
    const { directory, programEnvironment } = this.#options;
    const settings = captureSettingsOf(snapshot.capture);
    const [shadow] = snapshot.shadows ?? [];
    const define = ({ name: variantName, weight, instanceCount, startupTimeoutMs, source }: SnapshotVariant) => ({
      name: variantName,
      weight,
      workers: Math.ceil(instanceCount * share),
      ...(startupTimeoutMs === undefined ? {} : { startupTimeoutMs }),
      model: variantModelOf(source, directory, programEnvironment()),
    });
    return {
      name,
      configName: snapshot.configName,
      isAsync: snapshot.async !== undefined,
      variants: snapshot.variants.map(define),
      ...(shadow === undefined ? {} : { shadow: define(shadow) }),
      ...(settings === undefined ? {} : { capture: settings }),
    };
  }

  async #unpack(snapshot: Snapshot): Promise<void> {
    const { directory, blobs } = this.#options;
    for (const { source } of allVariants(snapshot)) await unpackSource(source, directory, blobs);
  }

  async #forgetPackages(snapshot: Snapshot | undefined): Promise<void> {
    for (const name of packagesOf(snapshot)) {
      await rm(join(this.#options.directory, name), { recursive: true, force: true });
    }
  }

  #find(name: string): StoredEndpoint | undefined {
    return this.#options.resources.get<StoredEndpoint>(kind, name)?.value;
  }

  #change(name: string, changes: Partial<StoredEndpoint>): void {
    const changed = this.#write(name, (endpoint) => ({ ...endpoint, ...changes }));
    if (changed !== undefined) this.#options.onChange(changed);
  }

  #stage(name: string, stage: Stage): void {
    const sinceMs = this.#options.clock.now();
    const changed = this.#write(name, ({ pending, ...endpoint }) => ({
      ...endpoint,
      ...(pending && { pending: { ...pending, stage: { ...stage, sinceMs } } }),
    }));
    if (changed !== undefined) this.#options.onStage(changed);
  }

  #write(name: string, change: (endpoint: StoredEndpoint) => StoredEndpoint): StoredEndpoint | undefined {
    const { resources, clock } = this.#options;
    const modifiedMs = clock.now();
    return resources.update<StoredEndpoint>(kind, name, (endpoint) => ({ ...change(endpoint), modifiedMs }))?.value;
  }

  #background(name: string, work: () => Promise<void>): void {
    const done = work()
      .catch((error: unknown) => this.#options.report(`endpoint ${name}`, error))
      .finally(() => this.#work.delete(done));
    this.#work.add(done);
  }
}

function countsOf({ variants }: Snapshot): number[] {
  return variants.map(({ instanceCount }) => instanceCount);
}

function variantLoad(
  { instanceCount: instances, scaling }: SnapshotVariant,
  measured: Omit<VariantLoad, "instances" | "managed">,
): VariantLoad {
  if (scaling?.Status !== "ENABLED") return { ...measured, instances };
  const min = scaling.MinInstanceCount ?? 1;
  return { ...measured, instances, managed: { min, max: Math.max(min, scaling.MaxInstanceCount ?? instances) } };
}

function shareOf(variants: readonly SnapshotVariant[], share: number): VariantChange[] {
  return variants.map(({ name, instanceCount }) => ({
    variantName: name,
    workers: Math.ceil(instanceCount * share - 1e-9),
  }));
}

/** The folders of a snapshot's packages, one for all its variants. */
function packagesOf(snapshot: Snapshot | undefined): string[] {
  const folders = (snapshot === undefined ? [] : allVariants(snapshot)).flatMap(({ source }) =>
    source.type === "server" ? [] : [dirname(source.folder)],
  );
  return [...new Set(folders)];
}
