// Plumbing of disk.test.ts: puts an object and kills itself at the named point, or puts one after another until it is killed.
import { diskBlobs } from "./disk.ts";

const [directory, point] = process.argv.slice(2) as [string, string];
let isArmed = false;
const blobs = await diskBlobs({
  directory,
  clock: { now: () => Date.now(), uuid: () => crypto.randomUUID() },
  reached: (reachedPoint) => {
    if (isArmed && reachedPoint === point) process.kill(process.pid, "SIGKILL");
  },
});
if (point === "storm") {
  for (let i = 0; ; i++) {
    await Promise.all(
      [0, 1, 2, 3].map(async (lane) => {
        const key = `b/${lane}-${i}`;
        const content = `${i},`.repeat(5000);
        await blobs.put(key, content);
        process.send?.({ key, content });
      }),
    );
  }
} else {
  await blobs.put("b/k", "old".repeat(100_000));
  isArmed = true;
  await blobs.put("b/k", "new".repeat(100_000));
}
