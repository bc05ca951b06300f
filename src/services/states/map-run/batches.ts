import type { Json } from "../../../kit/json.ts";
import { TaskFailure } from "../task-pool.ts";
import type { Piecewise } from "./piecewise.ts";

/** The input of one child execution, and how many items are in it. */
export interface ChildInput {
  input: Json;
  items: number;
}

/** AWS's limit of a child's input. */
const maxInputBytes = 262_144;

/** One child per item, or per batch where an ItemBatcher is given: `{ BatchInput, Items }`. */
export function childInputs(batcher: Json | undefined): Piecewise<readonly Json[], ChildInput> {
  if (batcher === undefined) {
    return { take: (items) => items.map((input) => ({ input, items: 1 })), rest: () => [] };
  }
  const fields = batcher as { [name: string]: Json };
  const maxItems = numberOf(fields, "MaxItemsPerBatch") ?? Number.POSITIVE_INFINITY;
  const maxBytes = Math.min(numberOf(fields, "MaxInputBytesPerBatch") ?? maxInputBytes, maxInputBytes);
  const shared: { [name: string]: Json } =
    fields["BatchInput"] === undefined ? {} : { BatchInput: fields["BatchInput"] };
  const emptyBytes = bytesOf({ ...shared, Items: [] });
  let batch: Json[] = [];
  let bytes = emptyBytes;
  const finished = (): ChildInput => {
    const child = { input: { ...shared, Items: batch }, items: batch.length };
    batch = [];
    bytes = emptyBytes;
    return child;
  };
  return {
    take(items) {
      const batches: ChildInput[] = [];
      for (const item of items) {
        const more = bytesOf(item) + 1; // The comma.
        if (batch.length >= maxItems || (batch.length > 0 && bytes + more > maxBytes)) batches.push(finished());
        if (emptyBytes + more > maxBytes + 1) {
          const reason = `An item of ${more - 1} bytes does not fit into a batch of at most ${maxBytes} bytes.`;
          throw new TaskFailure("States.ItemBatcherFailed", reason);
        }
        batch.push(item);
        bytes += more;
      }
      return batches;
    },
    rest: () => (batch.length > 0 ? [finished()] : []),
  };
}

function numberOf(fields: { [name: string]: Json }, name: string): number | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number > 0) return number;
  const reason = `${name} must be a positive integer but was: ${JSON.stringify(value)}`;
  throw new TaskFailure("States.Runtime", reason);
}

function bytesOf(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}
