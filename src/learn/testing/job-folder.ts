import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { encodePng } from "../../images/png-encode.ts";
import { randomFrom } from "../random.ts";

/** A fresh folder that ends with the test. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "learn-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface JobFolder {
  prefix: string;
  write(path: string, content: string | Uint8Array): void;
  hyperparameters(strings: Record<string, string>): void;
  /** Writes pictures and a `.lst`: class 0 has a bright bar lying, class 1 one standing, in noise. */
  pictures(channel: string, count: number): void;
  /** The same with both bars, one of them, or none, and a column for each. */
  multiLabelPictures(channel: string, count: number): void;
}

/** What a training container finds below /opt/ml. */
export function jobFolder(context: TestContext): JobFolder {
  const prefix = temporaryFolder(context);
  const write = (path: string, content: string | Uint8Array) => {
    mkdirSync(dirname(join(prefix, path)), { recursive: true });
    writeFileSync(join(prefix, path), content);
  };
  return {
    prefix,
    write,
    hyperparameters: (strings) => write("input/config/hyperparameters.json", JSON.stringify(strings)),
    multiLabelPictures(channel, count) {
      const lines: string[] = [];
      for (let i = 0; i < count; i++) {
        const shown = [0, 1].filter((label) => (i >> label) & 1);
        write(`input/data/${channel}/${i}.png`, barsPicture(shown, i + count * 1000));
        lines.push(`${i}\t${i & 1}\t${(i >> 1) & 1}\t${i}.png`);
      }
      write(`input/data/${channel}_lst/${channel}.lst`, `${lines.join("\n")}\n`);
    },
    pictures(channel, count) {
      const lines: string[] = [];
      for (let i = 0; i < count; i++) {
        write(`input/data/${channel}/${i}.png`, barPicture(i % 2, i + count * 1000));
        lines.push(`${i}\t${i % 2}\t${i}.png`);
      }
      write(`input/data/${channel}_lst/${channel}.lst`, `${lines.join("\n")}\n`);
    },
  };
}

/** A PNG of 32 x 32. */
export function barPicture(label: number, seed: number, side = 32): Uint8Array {
  return barsPicture([label], seed, side);
}

export function barsPicture(shown: readonly number[], seed: number, side = 32): Uint8Array {
  const random = randomFrom(seed);
  const bars = shown.map((label) => ({ label, at: 4 + random.integer(side - 10) }));
  const data = new Uint8Array(3 * side * side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const isBar = bars.some(({ label, at }) => {
        const across = label === 0 ? y : x;
        return across >= at && across < at + 3;
      });
      for (let c = 0; c < 3; c++) data[(y * side + x) * 3 + c] = (isBar ? 150 : 60) + random.integer(60);
    }
  }
  return encodePng({ width: side, height: side, data });
}
