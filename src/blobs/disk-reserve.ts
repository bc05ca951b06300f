import { closeSync, fstatSync, ftruncateSync, openSync, statfsSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { isDiskFull } from "../kit/disk-full.ts";
import type { Database } from "../kit/sqlite.ts";

/*
 * To remove an object is to write to the index first, which a full disk refuses: so some room is kept by a file that holds
 * nothing. It is given up when a removal finds the disk full, and made again as soon as there is room.
 *
 * Where files are compressed or shared (Btrfs, ZFS) zeros may take no room: there the reserve helps less.
 */
export interface DiskReserve {
  /** Makes its room free for the next commit. */
  giveUp(): void;
  /** After something was removed: makes what was given up again, if there is room. */
  makeAgain(): void;
}

/** The index's log at the size at which SQLite brings it into the index (1000 pages of 4 KiB): so that this can be done too. */
const reserveBytes = 4 * 2 ** 20;

const reserveName = "reserve";

/** What a start writes before the first removal can come: far less than this. */
const startBytes = 2 ** 20;

/** Before anything is opened: a server must be able to start on a full disk, for it to be emptied. */
export function makeRoomToStart(directory: string): void {
  const file = join(directory, reserveName);
  if (sizeOf(file) > 0 && freeBytesOf(directory) < startBytes) truncateSync(file);
}

export function diskReserve({ directory, database }: { directory: string; database: Database }): DiskReserve {
  const file = join(directory, reserveName);
  let isWhole = sizeOf(file) === reserveBytes || make();

  function make(): boolean {
    const descriptor = openSync(file, "a", 0o600);
    try {
      const missing = reserveBytes - fstatSync(descriptor).size;
      const written = missing > 0 ? writeSync(descriptor, Buffer.alloc(missing)) : 0;
      if (written === missing) return true;
      ftruncateSync(descriptor);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      ftruncateSync(descriptor); // A part of it is in everybody's way.
    } finally {
      closeSync(descriptor);
    }
    return false;
  }

  /** Brings the log into the index where that surely fits, for then the log's own room is free. */
  function emptyLog(): void {
    const logBytes = sizeOf(join(directory, "index.sqlite-wal"));
    if (logBytes > 0 && freeBytesOf(directory) >= logBytes) database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  return {
    giveUp() {
      if (!isWhole) return;
      isWhole = false;
      truncateSync(file);
      emptyLog();
    },
    makeAgain() {
      if (isWhole) return;
      emptyLog();
      isWhole = freeBytesOf(directory) >= reserveBytes && make();
    },
  };
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function freeBytesOf(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
