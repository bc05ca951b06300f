import { createHash } from "node:crypto";
import { Fault } from "../../kit/fault.ts";
import { type ChecksumAlgorithm, checksumAlgorithms, checksumHeader, createChecksum } from "../../wire/checksums.ts";

/*
 * The additional checksums of S3. A client that names an algorithm gets its value stored and echoed; a client that gives a
 * value is refused when the body has another one. (A value in the trailer of an aws-chunked body is checked by the wire.)
 */
/** The members of an input or output that carry checksums. */
export type ChecksumMembers = { [Name in `Checksum${ChecksumAlgorithm}`]?: string | undefined };

/** The checksums that are stored with an object, as members of an answer. */
export function checksumMembers(
  headers: Readonly<Record<string, string>>,
): ChecksumMembers & { ChecksumType?: string } {
  const members: Record<string, string> = {};
  for (const algorithm of checksumAlgorithms) {
    const value = headers[checksumHeader(algorithm)];
    if (value !== undefined) members[`Checksum${algorithm}`] = value;
  }
  if (Object.keys(members).length > 0) members["ChecksumType"] = headers["x-amz-checksum-type"] ?? "FULL_OBJECT";
  return members;
}

export function parseAlgorithm(name: string | undefined): ChecksumAlgorithm | undefined {
  if (name === undefined) return undefined;
  const algorithm = checksumAlgorithms.find((known) => known === name.toUpperCase());
  if (algorithm === undefined) {
    throw new Fault(
      "InvalidRequest",
      `Checksum algorithm provided is unsupported: "${name}"; use one of ${checksumAlgorithms.join(", ")}`,
    );
  }
  return algorithm;
}

export interface BodyExpectations extends ChecksumMembers {
  ChecksumAlgorithm?: string | undefined;
  ContentMD5?: string | undefined;
}

/** Watches a body pass: `passing` and `trailers` are options of a blob's put. */
export function watchBody(input: BodyExpectations, largestBytes: number) {
  const given = checksumAlgorithms.find((algorithm) => input[`Checksum${algorithm}`] !== undefined);
  const algorithm = given ?? parseAlgorithm(input.ChecksumAlgorithm);
  const checksum = algorithm && createChecksum(algorithm);
  const md5 = input.ContentMD5 === undefined ? undefined : createHash("md5");
  if (input.ContentMD5 !== undefined && Buffer.from(input.ContentMD5, "base64").byteLength !== 16) {
    throw new Fault("InvalidDigest", "The Content-MD5 you specified was invalid.");
  }
  let sizeBytes = 0;
  return {
    passing(bytes: Uint8Array) {
      sizeBytes += bytes.byteLength;
      if (sizeBytes > largestBytes) {
        throw new Fault("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", {
          members: { MaxSizeAllowed: String(largestBytes) },
        });
      }
      checksum?.update(bytes);
      md5?.update(bytes);
    },
    trailers(): Record<string, string> {
      if (md5 && md5.digest("base64") !== input.ContentMD5) {
        throw new Fault("BadDigest", "The Content-MD5 you specified did not match what we received.");
      }
      if (!algorithm || !checksum) return {};
      const value = checksum.base64();
      const expected = input[`Checksum${algorithm}`];
      if (expected !== undefined && expected !== value) {
        throw new Fault("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`);
      }
      return { [checksumHeader(algorithm)]: value };
    },
  };
}
