import type { Blobs } from "../ports/blobs.ts";
import type { Clock } from "../ports/clock.ts";
import { type CaptureShape, captureKey, captureLine, type Exchange } from "./capture-record.ts";
import { type CaptureSpool, captureContentType, type SpoolFile } from "./capture-spool.ts";
import { BlockPool, LineBlocks } from "./line-blocks.ts";

/*
 * What an endpoint's variant saw, as files of JSON lines.
 *
 * C1. Capture never delays or fails an inference: `record` only queues. What does not fit in memory or cannot be written, not
 *     even to the spool, is dropped and counted.
 * C2. A capture file is readable line by line at any time: an object holds whole records only, and objects are replaced as a
 *     whole. Objects cannot be appended to, so a growing file is written again: about a second after its first record, then
 *     at growing intervals (each twice the one before), finally 60 s after its first record. What came since is in the spool,
 *     from where the next start takes it after a crash: lost are at most the records of the last `encodeAfterMs`.
 */

export interface CaptureSettings extends CaptureShape {
  /** Blob key before the endpoint's name: bucket and prefix, without a slash at the end. */
  destination: string;
  samplingPercentage: number;
}

export interface CaptureOptions {
  blobs: Blobs;
  clock: Clock;
  endpointName: string;
  variantName: string;
  settings: CaptureSettings;
  /** Keeps lines that are in no object yet. */
  spool?: CaptureSpool | undefined;
  /** Records held in memory, encoded; beyond it they are dropped. Files that are still being written count. */
  maxBytes?: number;
  /** Told about dropped records and failed writings. */
  onProblem?: (message: string) => void;
  onDrop?: (records: number) => void;
}

/** As SageMaker closes its files. */
const fileLifetimeMs = 60_000;
const firstWritingMs = 1_000;
/** A busy endpoint's file is closed early: rewriting it costs time, and closed files free memory. */
const maxFileBytes = 8 * 1024 * 1024;
const defaultMaxBytes = 64 * 1024 * 1024;
/** Records are encoded in groups, and a group before other work gets its turn. */
const encodeAfterMs = 20;
const encodedPerTurn = 64;
const lastAttempts = 3;
const retryMs = 1_000;

interface CaptureFile {
  key: string;
  openedMs: number;
  waiting: { exchange: Exchange; eventId: string; timeMs: number }[];
  lines: LineBlocks;
  /** How many pieces of `lines` are in the object as it was last written. */
  writtenPieces: number;
  spooled: SpoolFile | undefined;
  bytes: number;
  isWritten: boolean;
  writing: Promise<void>;
  cancelTimers: (() => void)[];
}

export class Capture {
  readonly #options: CaptureOptions & { maxBytes: number };
  readonly #prefix: string;
  readonly #closing = new Set<Promise<void>>();
  readonly #blocks = new BlockPool();
  #file: CaptureFile | undefined;
  #heldBytes = 0;
  #isClosed = false;
  /** Ends the waits for another attempt. */
  readonly #hurry = new Set<() => void>();
  /** Records that were sampled but are in no file. */
  dropped = 0;
  /** From a writing or a drop that failed until a file could be written again. */
  isFailing = false;

  constructor(options: CaptureOptions) {
    this.#options = { maxBytes: defaultMaxBytes, ...options };
    this.#prefix = `${options.settings.destination}/${options.endpointName}/${options.variantName}`;
  }

  /** Takes an answered inference, if the sampling wants it. Returns at once and never throws. */
  record(exchange: Exchange): void {
    const { clock, settings, maxBytes } = this.#options;
    if (this.#isClosed || clock.random() * 100 >= settings.samplingPercentage) return;
    const bytes = Math.ceil(((exchange.input.body.length + exchange.output.body.length) * 4) / 3) + 500;
    if (this.#heldBytes + bytes > maxBytes) {
      this.#drop(1, `more than ${maxBytes} bytes of captured records wait to be written`);
      return;
    }
    this.#heldBytes += bytes;
    const timeMs = clock.now();
    this.#file ??= this.#open(timeMs);
    const file = this.#file;
    file.bytes += bytes;
    file.waiting.push({ exchange, eventId: clock.uuid(), timeMs });
    if (file.waiting.length === 1) clock.schedule(encodeAfterMs, () => this.#encode(file, encodedPerTurn));
    if (file.bytes >= maxFileBytes) this.#finish(file);
  }

  /** Closes the file that is being filled; resolves when all that was recorded is written, or given up. */
  async writeAll(): Promise<void> {
    if (this.#file !== undefined) this.#finish(this.#file);
    await Promise.all(this.#closing);
  }

  /** Writes what there is, or says what it must give up: nobody waits for a full disk. May be called twice; records after it are ignored. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const goOn of this.#hurry) goOn();
    await this.writeAll();
  }

  #open(nowMs: number): CaptureFile {
    const { clock, spool, onProblem = () => undefined } = this.#options;
    const key = captureKey(this.#prefix, nowMs, clock.uuid());
    const file: CaptureFile = {
      key,
      spooled: spool?.open(key, onProblem),
      openedMs: nowMs,
      waiting: [],
      lines: new LineBlocks(this.#blocks),
      writtenPieces: 0,
      bytes: 0,
      isWritten: true,
      writing: Promise.resolve(),
      cancelTimers: [],
    };
    file.cancelTimers.push(clock.schedule(fileLifetimeMs, () => this.#finish(file)));
    this.#writeLater(file, firstWritingMs);
    return file;
  }

  #writeLater(file: CaptureFile, delayMs: number): void {
    const cancel = this.#options.clock.schedule(delayMs, () => {
      this.#write(file).catch((error: Error) => this.#options.onProblem?.(`${file.key}: ${error.message}`));
      this.#writeLater(file, delayMs * 2);
    });
    file.cancelTimers[1] = cancel;
  }

  /** Writers of one file follow each other; each writes all records that were taken when its turn came. */
  #write(file: CaptureFile): Promise<void> {
    const turn = file.writing.then(async () => {
      this.#encode(file, Number.POSITIVE_INFINITY);
      if (file.isWritten) return;
      file.isWritten = true;
      const pieces = [...file.lines.pieces];
      try {
        await this.#options.blobs.put(file.key, inPieces(pieces), { headers: { "content-type": captureContentType } });
        file.writtenPieces = pieces.length;
        this.isFailing = false;
      } catch (error) {
        this.isFailing = true;
        file.isWritten = false;
        throw error;
      }
    });
    file.writing = turn.catch(() => undefined); // the failure goes to this writer's caller only
    return turn;
  }

  #encode(file: CaptureFile, limit: number): void {
    const taken = file.waiting.splice(0, limit);
    if (taken.length === 0) return;
    const { settings } = this.#options;
    let text = "";
    for (const { exchange, eventId, timeMs } of taken) text += captureLine(exchange, { eventId, timeMs }, settings);
    const lines = file.lines.add(text);
    file.spooled?.append(lines);
    file.isWritten = false;
    if (file.waiting.length > 0) setImmediate(() => this.#encode(file, encodedPerTurn));
  }

  #finish(file: CaptureFile): void {
    for (const cancel of file.cancelTimers) cancel();
    if (this.#file === file) this.#file = undefined;
    const finished = this.#writeFinally(file).finally(() => {
      this.#heldBytes -= file.bytes;
      this.#closing.delete(finished);
    });
    this.#closing.add(finished);
  }

  async #writeFinally(file: CaptureFile): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#write(file);
        await file.spooled?.remove();
        file.lines.release(); // nobody reads them any more
        return;
      } catch (error) {
        if (attempt === lastAttempts || this.#isClosed) {
          const records = file.lines.pieces
            .slice(file.writtenPieces)
            .reduce((sum, lines) => sum + lines.toString("latin1").split("\n").length - 1, 0);
          const why = `${file.key} cannot be written: ${(error as Error).message}`;
          const isKept = (await file.spooled?.keep()) ?? false;
          file.lines.release(); // the spool is done with them
          if (isKept) this.#options.onProblem?.(`captured records wait for the next start: ${records} of ${why}`);
          else this.#drop(records, `${records} of ${why}`);
          return;
        }
        await this.#untilRetry();
      }
    }
  }

  /** The clock's timers keep no process alive, so the end of the process must not wait for one. */
  async #untilRetry(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#hurry.add(resolve);
      this.#options.clock.schedule(retryMs, () => {
        this.#hurry.delete(resolve);
        resolve();
      });
    });
  }

  #drop(records: number, why: string): void {
    if (this.dropped === 0 || records > 1) this.#options.onProblem?.(`capture drops records: ${why}`);
    this.dropped += records;
    this.isFailing = true;
    this.#options.onDrop?.(records);
  }
}

/** Joined it would be megabytes that are hashed in one go: so long nobody else is answered. */
async function* inPieces(lines: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* lines;
}
