import { probeBlockSize } from "./block-size.ts";

process.stdout.write(`${await probeBlockSize()}\n`);
