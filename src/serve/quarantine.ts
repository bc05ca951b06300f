import { createHash } from "node:crypto";

/** Remembered inputs; the oldest are forgotten. */
const maxRemembered = 1000;

/** Inputs that ended several workers, by their digest. */
export class Quarantine {
  readonly #digests = new Set<string>();

  add(input: Uint8Array): void {
    this.#digests.add(digest(input));
    if (this.#digests.size > maxRemembered) this.#digests.delete(this.#digests.values().next().value ?? "");
  }

  /** Costs nothing as long as no input is in it. */
  has(input: Uint8Array): boolean {
    return this.#digests.size > 0 && this.#digests.has(digest(input));
  }
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
