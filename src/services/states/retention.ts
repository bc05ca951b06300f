import type { Clock } from "../../ports/clock.ts";
import type { Store } from "../../ports/store.ts";
import { deletePages } from "./map-run/input-pages.ts";
import { type MapRunRecord, mapRunKind } from "./map-run/records.ts";
import { pruneRedriveTokens } from "./redrive-tokens.ts";

/** How often it is looked for what has ended long ago. */
const everyMs = 3_600_000;
/** Looked at in one go, and the pause until the next: the disk and the event loop belong to those who work. */
const executionsAtOnce = 200;
const pauseMs = 50;
const dayMs = 86_400_000;

/**
 * Forgets executions, and what belongs to map runs, so many days after they ended, as AWS does after 90. Piece by piece: no
 * transaction deletes more than a handful.
 */
export function retention(options: { store: Store; clock: Clock; days: number; onError: (error: unknown) => void }): {
  begin(): void;
  close(): void;
} {
  const { store, clock, days, onError } = options;
  let cancel = (): void => {};

  const goOn = (after: string | undefined): void => {
    let next: string | undefined;
    try {
      const endedBeforeMs = clock.now() - days * dayMs;
      next = store.executions.prune({ endedBeforeMs, after, limit: executionsAtOnce });
      if (next === undefined) {
        pruneMapRuns(store, endedBeforeMs);
        pruneRedriveTokens(store.resources, clock.now());
      }
    } catch (error) {
      onError(error); // Tried again in an hour.
    }
    cancel = clock.schedule(next === undefined ? everyMs : pauseMs, () => goOn(next));
  };
  return {
    begin() {
      cancel();
      cancel = clock.schedule(everyMs, () => goOn(undefined));
    },
    close: () => cancel(),
  };
}

function pruneMapRuns({ resources }: Store, endedBeforeMs: number): void {
  for (const { id, value } of resources.list<MapRunRecord>(mapRunKind)) {
    if (value.stoppedMs === undefined || value.stoppedMs >= endedBeforeMs) continue;
    deletePages(resources, id);
    resources.delete(mapRunKind, id);
  }
}
