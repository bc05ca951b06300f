// `npm start`: from a fresh clone to the whole workflow. Arguments go to `scones demo`.
import { setUp } from "./setup.mjs";

setUp();
process.argv.splice(1, 1, "scones", "demo");
await import("../dist/main.js");
