import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { EndpointStatus } from "@aws-sdk/client-sagemaker";
import type { Blobs } from "../../ports/blobs.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Resources } from "../../ports/resources.ts";
import type { EndpointDefinition, Gateway } from "../../serve/gateway.ts";
import { isUnpacked, unpackSource, variantModelOf } from "./model-source.ts";
import { kindOf } from "./resource-names.ts";
import { captureSettingsOf, type Snapshot, type StoredEndpoint } from "./stored-endpoint.ts";
import { sweepFolder } from "./sweep-folder.ts";
import { forgetTags } from "./tags.ts";

/*
 * Brings endpoints to where their documents say they should be, in the background. What is to happen is in the document before
 * it happens, so that a restarted server goes on with it: an endpoint that was in service comes back by itself, from the
 * packages it had unpacked.
 */

export interface EndpointFleetOptions {
  resources: Resources;
  blobs: Blobs;
  clock: Clock;
  gateway: Gateway;
  /** Unpacked models live here. */
  directory: string;
  /** What every program of the user's finds in its environment. */
  programEnvironment: () => Readonly<Record<string, string>>;
  /** Told after every change of an endpoint's status. */
  onChange: (endpoint: StoredEndpoint) => void;
  report: (message: string, error: unknown) => void;
}

const kind = kindOf("endpoint");
/** As AWS bounds a FailureReason. */
const maxReasonLength = 1024;

export class EndpointFleet {
  readonly #options: EndpointFleetOptions;
  readonly #work = new Set<Promise<void>>();
  #isClosing = false;

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
        this.#background(value.name, async () => {
          const isBack = await this.#restore(value.name);
          if (value.pending !== undefined) await this.#deploy(value.name);
          else if (isBack && value.status !== "InService") {
            this.#change(value.name, { status: "InService", failureReason: undefined });
          }
        });
      }
    }
  }

  /** The document has a pending snapshot: brings it up and makes it the current one. */
  deploy(name: string): void {
    this.#background(name, () => this.#deploy(name));
  }

  /** The document's current snapshot has new weights or counts. */
  adjust(name: string, changes: readonly { variantName: string; weight?: number; workers?: number }[]): void {
    this.#background(name, async () => {
      try {
        await this.#options.gateway.adjust(name, changes);
        this.#change(name, { status: "InService" });
      } catch (error) {
        this.#change(name, { status: "InService", failureReason: (error as Error).message.slice(0, maxReasonLength) });
      }
    });
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

  /** Closes the gateway too: what is being brought up ends with it. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#options.gateway.close();
    await Promise.all(this.#work);
  }

  async #deploy(name: string): Promise<void> {
    const endpoint = this.#find(name);
    const pending = endpoint?.pending;
    if (endpoint === undefined || pending === undefined) return;
    try {
      await this.#unpack(pending);
      const { drained } = await this.#options.gateway.deploy(this.#definition(name, pending));
      const before = endpoint.current;
      this.#change(name, { status: "InService", current: pending, pending: undefined, failureReason: undefined });
      this.#background(name, () => drained.then(() => this.#forgetPackages(before)));
    } catch (error) {
      if (this.#isClosing) return; // not the model's fault; the next start tries again
      await this.#forgetPackages(pending);
      const failureReason = (error as Error).message.slice(0, maxReasonLength);
      // An update that fails leaves what was there before; a creation leaves nothing that could answer.
      const status: EndpointStatus = endpoint.current === undefined ? "Failed" : "InService";
      const kept = endpoint.current === undefined ? pending : undefined;
      this.#change(name, { status, failureReason, pending: kept });
    }
  }

  async #restore(name: string): Promise<boolean> {
    const current = this.#find(name)?.current;
    if (current === undefined) return false;
    const { gateway } = this.#options;
    try {
      if (current.variants.every(({ source }) => isUnpacked(source, this.#options.directory))) {
        await gateway.restore(this.#definition(name, current)); // takes requests from now on
      } else {
        await this.#unpack(current);
        await gateway.deploy(this.#definition(name, current));
      }
      return true;
    } catch (error) {
      if (this.#isClosing) return false;
      const failureReason = `The endpoint did not come back after a restart: ${(error as Error).message}`;
      this.#change(name, { status: "Failed", failureReason: failureReason.slice(0, maxReasonLength) });
      return false;
    }
  }

  #definition(name: string, { variants, capture }: Snapshot): EndpointDefinition {
    const { directory, programEnvironment } = this.#options;
    const settings = captureSettingsOf(capture);
    return {
      name,
      variants: variants.map(({ name: variantName, weight, instanceCount, startupTimeoutMs, source }) => ({
        name: variantName,
        weight,
        workers: instanceCount,
        ...(startupTimeoutMs === undefined ? {} : { startupTimeoutMs }),
        model: variantModelOf(source, directory, programEnvironment()),
      })),
      ...(settings === undefined ? {} : { capture: settings }),
    };
  }

  async #unpack({ variants }: Snapshot): Promise<void> {
    for (const { source } of variants) await unpackSource(source, this.#options.directory, this.#options.blobs);
  }

  async #forgetPackages(snapshot: Snapshot | undefined): Promise<void> {
    for (const name of packagesOf(snapshot))
      await rm(join(this.#options.directory, name), { recursive: true, force: true });
  }

  #find(name: string): StoredEndpoint | undefined {
    return this.#options.resources.get<StoredEndpoint>(kind, name)?.value;
  }

  #change(name: string, changes: Partial<StoredEndpoint>): void {
    const modifiedMs = this.#options.clock.now();
    const changed = this.#options.resources.update<StoredEndpoint>(kind, name, (endpoint) => ({
      ...endpoint,
      ...changes,
      modifiedMs,
    }));
    if (changed !== undefined) this.#options.onChange(changed.value);
  }

  #background(name: string, work: () => Promise<void>): void {
    const done = work()
      .catch((error: unknown) => this.#options.report(`endpoint ${name}`, error))
      .finally(() => this.#work.delete(done));
    this.#work.add(done);
  }
}

/** The folders of a snapshot's packages, one for all its variants. */
function packagesOf(snapshot: Snapshot | undefined): string[] {
  const folders = (snapshot?.variants ?? []).flatMap(({ source }) =>
    source.type === "server" ? [] : [dirname(source.folder)],
  );
  return [...new Set(folders)];
}
