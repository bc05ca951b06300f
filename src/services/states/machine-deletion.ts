import type { Store } from "../../ports/store.ts";
import type { Engine } from "./engine-contract.ts";
import { aliasKind, type MachineRecord, machineKind, versionId, versionKind, versionsOf } from "./machine-records.ts";

/*
 * The end of a state machine. While executions of it run its status is DELETING; they are stopped at once (AWS does so at their
 * next transition), and the machine goes with the last of them. A restart takes up what was being deleted.
 */

/** Executions that are stopped before it is looked again. */
const pageSize = 100;

export interface MachineDeletion {
  /** Versions and aliases are gone when this returns; the machine too, unless something runs. */
  delete(name: string): void;
  /** Goes on with what was being deleted when the process ended. */
  recover(): void;
  /** Resolves once nothing of it touches the store any more. */
  close(): Promise<void>;
}

export function machineDeletion(options: {
  store: Store;
  engine: () => Engine;
  onError: (error: unknown) => void;
}): MachineDeletion {
  const { store, engine, onError } = options;
  const { resources, executions } = store;
  const underWay = new Map<string, Promise<void>>();
  let isClosed = false;

  const running = (name: string) => executions.list({ machine: name, status: "RUNNING", limit: pageSize }).executions;

  const stopAll = async (name: string): Promise<void> => {
    for (let found = running(name); found.length > 0 && !isClosed; found = running(name)) {
      const stops = found.map(({ id }) => engine().deliver(id, { type: "stop", error: undefined, cause: undefined }));
      await Promise.all(stops);
    }
    if (!isClosed) resources.delete(machineKind, name);
  };
  const begin = (name: string): void => {
    if (underWay.has(name)) return;
    const ended = stopAll(name)
      .catch(onError)
      .finally(() => underWay.delete(name));
    underWay.set(name, ended);
  };

  return {
    delete(name) {
      // Asked before the transaction: to answer, the store may have to write what it has only logged.
      const isBusy = running(name).length > 0;
      resources.transaction(() => {
        for (const { number } of versionsOf(resources, name)) resources.delete(versionKind, versionId(name, number));
        for (const { id } of resources.list(aliasKind, { prefix: `${name}:` })) resources.delete(aliasKind, id);
        const machine = resources.get<MachineRecord>(machineKind, name)?.value;
        if (machine === undefined) return;
        if (isBusy) resources.put(machineKind, name, { ...machine, isDeleting: true });
        else resources.delete(machineKind, name);
      });
      if (isBusy) begin(name);
    },
    recover() {
      for (const { id, value } of resources.list<MachineRecord>(machineKind)) if (value.isDeleting) begin(id);
    },
    async close() {
      isClosed = true;
      await Promise.all(underWay.values());
    },
  };
}
