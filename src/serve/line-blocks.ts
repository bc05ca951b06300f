/*
 * Where lines of text become bytes: blocks that are used again. Bytes of their own for each group of lines, thousands in a
 * second that live for half a second, made the collector look through the whole heap several times a second.
 */

const blockBytes = 1024 * 1024;
/** Of one writer: as many as one capture file has, and half of the next. */
const mostSpare = 12;

export class BlockPool {
  readonly #spare: Buffer[] = [];

  take(leastBytes: number): Buffer {
    if (leastBytes > blockBytes) return Buffer.allocUnsafeSlow(leastBytes);
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
  }

  /** Nobody may look at the block any more. */
  give(block: Buffer): void {
    if (block.length === blockBytes && this.#spare.length < mostSpare) this.#spare.push(block);
  }
}

/** Lines in the order in which they were added. */
export class LineBlocks {
  readonly #pool: BlockPool;
  readonly #blocks: Buffer[] = [];
  readonly #pieces: Buffer[] = [];
  #at = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** Answers the bytes of the text, which stay as they are until `release`. */
  add(text: string): Buffer {
    const bytes = Buffer.byteLength(text);
    let block = this.#blocks.at(-1);
    if (block === undefined || block.length - this.#at < bytes) {
      block = this.#pool.take(bytes);
      this.#blocks.push(block);
      this.#at = 0;
    }
    // Text of one byte each is copied, which takes a fifth of the time of encoding it.
    block.write(text, this.#at, bytes === text.length ? "latin1" : "utf8");
    const piece = block.subarray(this.#at, this.#at + bytes);
    this.#at += bytes;
    this.#pieces.push(piece);
    return piece;
  }

  get pieces(): readonly Buffer[] {
    return this.#pieces;
  }

  release(): void {
    for (const block of this.#blocks.splice(0)) this.#pool.give(block);
    this.#pieces.length = 0;
    this.#at = 0;
  }
}
