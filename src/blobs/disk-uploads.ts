import { createHash } from "node:crypto";
import { Fault } from "../kit/fault.ts";
import type { Blobs, CompletedPart, PutOptions, UploadPart } from "../ports/blobs.ts";
import type { Clock } from "../ports/clock.ts";
import type { DiskFiles } from "./disk-files.ts";
import type { DiskIndex, IndexedBlob, IndexedPart, IndexedUpload } from "./disk-index.ts";
import type { GroupCommit } from "./group-commit.ts";
import { successor } from "./listing.ts";

/** As S3: every part but the last. */
export const smallestPartBytes = 5 * 1024 * 1024;
/** As S3. */
const largestPartNumber = 10_000;

export interface DiskUploadsOptions {
  clock: Pick<Clock, "now" | "uuid">;
  files: DiskFiles;
  index: DiskIndex;
  commits: GroupCommit;
  /** Runs the work; the file is removed when it fails. */
  orRemove: <T>(file: string, work: () => Promise<T>) => Promise<T>;
  /** Inside a commit: makes it the object of its key, and answers the files that are then nobody's. */
  replace: (blob: IndexedBlob, put: PutOptions) => string[];
  /** Removes files that the last commit left to nobody. */
  removed: (files: readonly string[]) => Promise<void>;
  smallestPartBytes: number;
}

type Uploads = Pick<
  Blobs,
  "createUpload" | "putPart" | "completeUpload" | "abortUpload" | "listParts" | "headUpload" | "listUploads"
>;

/**
 * Objects that arrive in parts. Parts are data files of their own; completing streams them into one, in constant memory.
 *
 * B2. Completion checks the parts it was told of against the index, and checks again in the transaction that makes the
 *     object and ends the upload: a part replaced or an upload aborted meanwhile makes it fail, never mix.
 */
export function diskUploads(options: DiskUploadsOptions): Uploads {
  const { clock, files, index, commits, orRemove } = options;

  function uploadOf(key: string, uploadId: string): IndexedUpload {
    const upload = index.getUpload(uploadId);
    if (upload?.key !== key) {
      throw new Fault(
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
        { status: 404, members: { UploadId: uploadId } },
      );
    }
    return upload;
  }

  return {
    async createUpload(key, put = {}) {
      const uploadId = clock.uuid().replaceAll("-", "");
      await commits.run(() => index.putUpload({ uploadId, key, headers: put.headers ?? {}, initiatedMs: clock.now() }));
      return uploadId;
    },

    async putPart(key, uploadId, partNumber, body, part = {}) {
      if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > largestPartNumber) {
        throw new Fault("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive");
      }
      uploadOf(key, uploadId);
      const { file, sizeBytes, md5 } = await files.write(body, { passing: part.passing });
      const { written, replaced } = await orRemove(file, async () => {
        const headers = { ...part.headers, ...part.trailers?.() };
        const written: IndexedPart = { partNumber, file, sizeBytes, md5, lastModifiedMs: clock.now(), headers };
        return commits.run(() => {
          uploadOf(key, uploadId);
          const before = index.part(uploadId, partNumber);
          index.putPart(uploadId, written);
          return { written, replaced: before };
        });
      });
      if (replaced) await files.remove(replaced.file);
      return toUploadPart(written);
    },

    async completeUpload(key, uploadId, named, put = {}) {
      const upload = uploadOf(key, uploadId);
      const parts = chosenParts(index.parts(uploadId), named, options.smallestPartBytes);
      const { file, sizeBytes } = await files.write(joined(files, parts), { passing: put.passing });
      const { info, obsolete } = await orRemove(file, async () => {
        const digest = createHash("md5");
        for (const part of parts) digest.update(part.md5, "hex");
        const blob: IndexedBlob = {
          key,
          file,
          sizeBytes,
          etag: `"${digest.digest("hex")}-${parts.length}"`,
          lastModifiedMs: clock.now(),
          version: put.version ?? "null",
          place: 0,
          headers: { ...upload.headers, ...put.headers, ...put.trailers?.() },
        };
        return commits.run(() => {
          uploadOf(key, uploadId);
          const now = index.parts(uploadId);
          const present = new Set(now.map((part) => part.file));
          for (const part of parts) if (!present.has(part.file)) throw invalidPart(part.partNumber);
          const replaced = options.replace(blob, put);
          index.removeUpload(uploadId);
          const { file: _file, place: _place, ...info } = blob;
          return { info, obsolete: [...now.map((part) => part.file), ...replaced] };
        });
      });
      for (const name of obsolete) await files.remove(name);
      return info;
    },

    async abortUpload(key, uploadId) {
      const obsolete = await commits.run(
        () => {
          uploadOf(key, uploadId);
          const parts = index.parts(uploadId);
          index.removeUpload(uploadId);
          return parts;
        },
        { freesRoom: true },
      );
      await options.removed(obsolete.map((part) => part.file));
    },

    async listParts(key, uploadId) {
      uploadOf(key, uploadId);
      return index.parts(uploadId).map(toUploadPart);
    },

    headUpload: async (key, uploadId) => uploadOf(key, uploadId),
    listUploads: async (prefix) => index.uploads(prefix, successor(prefix)),
  };
}

async function* joined(files: DiskFiles, parts: readonly IndexedPart[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    const handle = await files.open(part.file);
    if (handle === undefined) throw invalidPart(part.partNumber);
    yield* handle.createReadStream({ highWaterMark: 1024 * 1024 }) as AsyncIterable<Uint8Array>;
  }
}

function chosenParts(known: IndexedPart[], named: readonly CompletedPart[], smallestBytes: number): IndexedPart[] {
  if (named.length === 0) throw new Fault("InvalidRequest", "You must specify at least one part");
  const byNumber = new Map(known.map((part) => [part.partNumber, part]));
  let before = 0;
  const chosen = named.map(({ partNumber, etag }) => {
    if (partNumber <= before) {
      throw new Fault(
        "InvalidPartOrder",
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
      );
    }
    before = partNumber;
    const part = byNumber.get(partNumber);
    if (part === undefined || part.md5 !== etag.replaceAll('"', "")) throw invalidPart(partNumber);
    return part;
  });
  for (const part of chosen.slice(0, -1)) {
    if (part.sizeBytes < smallestBytes) {
      throw new Fault("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", {
        members: {
          ProposedSize: String(part.sizeBytes),
          MinSizeAllowed: String(smallestBytes),
          PartNumber: String(part.partNumber),
        },
      });
    }
  }
  return chosen;
}

function invalidPart(partNumber: number): Fault {
  return new Fault(
    "InvalidPart",
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    { members: { PartNumber: String(partNumber) } },
  );
}

function toUploadPart({ partNumber, md5, sizeBytes, lastModifiedMs, headers }: IndexedPart): UploadPart {
  return { partNumber, etag: `"${md5}"`, sizeBytes, lastModifiedMs, headers };
}
