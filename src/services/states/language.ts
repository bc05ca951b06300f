import { advance } from "../../asl/advance.ts";
import { compile } from "../../asl/compile.ts";
import type { Machine } from "../../asl/machine.ts";
import { selectMapItems } from "../../asl/map-items.ts";
import { pendingEffects } from "../../asl/pending.ts";
import { testState } from "../../asl/test-state.ts";
import { validate } from "../../asl/validate.ts";
import type { Language } from "./service-context.ts";

/** The States Language as the engine runs it. */
export const statesLanguage: Language = {
  compile,
  advance: (machine, execution, input) => advance(machine as Machine, execution, input),
  pendingEffects,
  validate,
  testState: (machine, given, answer) => testState(machine as Machine, given, answer),
  selectItems: (machine, execution, given) => selectMapItems(machine as Machine, execution, given),
};
