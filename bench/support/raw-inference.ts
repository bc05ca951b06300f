import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** ONNX Runtime alone: so many processes of one thread, each running one picture after the other. */
export async function rawInference(modelFile: string, { processes, side }: { processes: number; side: number }) {
  const program = join(import.meta.dirname, "raw-inference-process.js");
  const children = Array.from({ length: processes }, () => fork(program, [modelFile, String(side)]));
  await Promise.all(children.map((child) => once(child, "message")));
  const run = async (child: ChildProcess, durationMs: number): Promise<RawRun> => {
    child.send(durationMs);
    const [result] = (await once(child, "message")) as [RawRun];
    return result;
  };
  return {
    /** All at once, or only as many of them. */
    async run(durationMs: number, busy = processes) {
      const runs = await Promise.all(children.slice(0, busy).map((child) => run(child, durationMs)));
      const pictures = runs.reduce((sum, { count }) => sum + count, 0);
      return {
        perSecond: runs.reduce((sum, { count, seconds }) => sum + count / seconds, 0),
        medianMs: runs[0]?.medianMs ?? Number.NaN,
        cpuMsPerPicture: runs.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / pictures,
      };
    },
    stop(): void {
      for (const child of children) child.kill();
    },
  };
}

export interface RawRun {
  count: number;
  seconds: number;
  cpuMs: number;
  medianMs: number;
}
