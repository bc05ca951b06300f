import { createHash } from "node:crypto";
import type { Random } from "./evaluation.ts";

/** Numbers, UUIDs and tokens that follow from a seed alone. */
export function seededRandom(seed: string): Random {
  let block = 0;
  let bytes = Buffer.alloc(0);
  const take = (count: number): Buffer => {
    if (bytes.length < count) bytes = createHash("sha512").update(`${seed}\n${block++}`).digest();
    const taken = bytes.subarray(0, count);
    bytes = bytes.subarray(count);
    return taken;
  };
  return {
    next: () => take(6).readUIntBE(0, 6) / 2 ** 48,
    uuid: () => {
      const random = Buffer.from(take(16));
      random[6] = ((random[6] as number) & 0x0f) | 0x40;
      random[8] = ((random[8] as number) & 0x3f) | 0x80;
      const hex = random.toString("hex");
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    },
  };
}

/** A token that cannot be guessed by someone who does not know the seed. */
export function taskToken(seed: string, effectId: string): string {
  return createHash("sha512").update(`token\n${seed}\n${effectId}`).digest("base64");
}
