import type { Executions } from "../../ports/store.ts";
import type { Kernel } from "./kernel.ts";

/** Definitions compiled and kept. */
const maxMachines = 1_000;

/** Compiles each definition once: by its hash, from the text given or from the one the store keeps. */
export function machineCache(kernel: Kernel, executions: Executions) {
  const machines = new Map<string, unknown>();
  return (hash: string, type: "STANDARD" | "EXPRESS", text = executions.definition(hash)): unknown => {
    const key = `${type}:${hash}`;
    const known = machines.get(key);
    if (known !== undefined) return known;
    if (text === undefined) throw new Error(`the store holds no definition ${hash}`);
    const machine = kernel.compile(text, { type });
    const oldest = machines.keys().next();
    if (machines.size >= maxMachines && !oldest.done) machines.delete(oldest.value);
    machines.set(key, machine);
    return machine;
  };
}
