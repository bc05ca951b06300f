import type { ChecksumAlgorithm } from "../../wire/checksums.ts";

// What is kept with an object that came in parts.

/** Their sizes in order, as runs (`5242880x9,123`), since they rarely differ. */
export const partSizesHeader = "scones-part-sizes";

/** The checksums of the parts, of which a composite checksum is made: `CRC32:<base64>,<base64>`. */
export const partChecksumsHeader = "scones-part-checksums";

interface Part {
  partNumber: number;
  sizeBytes: number;
}

export function partSizesOf(parts: readonly Part[], named: readonly { partNumber: number }[]): string {
  const chosen = new Set(named.map(({ partNumber }) => partNumber));
  const runs: { sizeBytes: number; count: number }[] = [];
  for (const { partNumber, sizeBytes } of parts) {
    if (!chosen.has(partNumber)) continue;
    const run = runs.at(-1);
    if (run?.sizeBytes === sizeBytes) run.count++;
    else runs.push({ sizeBytes, count: 1 });
  }
  return runs.map(({ sizeBytes, count }) => `${sizeBytes}x${count}`).join(",");
}

/** In order; undefined for an object that came in one piece. */
export function readPartSizes(headers: Readonly<Record<string, string>>): number[] | undefined {
  return headers[partSizesHeader]?.split(",").flatMap((run) => {
    const [sizeBytes, count] = run.split("x").map(Number) as [number, number];
    return Array.from({ length: count }, () => sizeBytes);
  });
}

/** In order; undefined for an object without a composite checksum. */
export function readPartChecksums(
  headers: Readonly<Record<string, string>>,
): { algorithm: ChecksumAlgorithm; values: string[] } | undefined {
  const [algorithm, values] = headers[partChecksumsHeader]?.split(":") ?? [];
  return values === undefined ? undefined : { algorithm: algorithm as ChecksumAlgorithm, values: values.split(",") };
}

/** Of an object that came in parts the entity tag is no hash of its bytes. */
export function isOfParts({ etag }: { etag: string }): boolean {
  return etag.includes("-");
}
