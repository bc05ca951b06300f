import type { Handler } from "../../wire/service.ts";
import { maxUnzippedBytes, maxZippedBytes } from "./code-package.ts";
import { type Configuration, type FunctionRecord, functionKind, versionKind } from "./function-records.ts";
import type { LambdaContext } from "./lambda-context.ts";

/** AWS's bound of all packages together: 75 GiB. */
const totalCodeBytes = 80_530_636_800;

/** What this server allows and holds. */
export function accountHandlers({ resources, environments }: LambdaContext): Record<string, Handler> {
  return {
    GetAccountSettings() {
      const functions = resources.list<FunctionRecord>(functionKind).map(({ value }) => value);
      const versions = resources.list<Configuration>(versionKind).map(({ value }) => value);
      const all = [...functions.map(({ configuration }) => configuration), ...versions];
      const reserved = functions.reduce((sum, { reservedConcurrency = 0 }) => sum + reservedConcurrency, 0);
      return {
        AccountLimit: {
          TotalCodeSize: totalCodeBytes,
          CodeSizeUnzipped: maxUnzippedBytes,
          CodeSizeZipped: maxZippedBytes,
          ConcurrentExecutions: environments.maxConcurrency,
          UnreservedConcurrentExecutions: Math.max(0, environments.maxConcurrency - reserved),
        },
        AccountUsage: {
          TotalCodeSize: all.reduce((sum, { CodeSize = 0 }) => sum + CodeSize, 0),
          FunctionCount: functions.length,
        },
      };
    },
  };
}
