import { memoryStore } from "./memory-store.ts";
import { storeConformance } from "./store-conformance.ts";
import { testClock } from "./test-clock.ts";

storeConformance("memory", () => memoryStore({ clock: testClock() }));
