import { Fault } from "../../kit/fault.ts";
import type { InferenceRequest, InferenceResponse, Models } from "../../ports/models.ts";
import type { Operations } from "../../ports/operations.ts";

export interface EndpointAliasOptions {
  models: Models;
  operations: Operations;
  /** The endpoint that answers for every one that does not exist. */
  alias: string;
  report: (text: string) => void;
}

/** What an answer says in its custom attributes when another endpoint than the one named gave it. */
export const aliasAttribute = "scones-answered-by-endpoint";
/** Names that are remembered as told about. */
const maxTold = 1000;

/**
 * Endpoints with a stand-in: old code names endpoints that are long deleted. Only a name without an endpoint falls to the
 * alias; every other error stays, and both the server's log and the answer say so.
 */
export function aliasedModels({ models, operations, alias, report }: EndpointAliasOptions): Models {
  const told = new Set<string>();

  async function isThere(name: string): Promise<boolean> {
    try {
      await operations.call("sagemaker", "DescribeEndpoint", { EndpointName: name });
      return true;
    } catch (error) {
      if (error instanceof Fault && error.code === "ValidationException") return false;
      throw error;
    }
  }

  return {
    async invoke(name: string, request: InferenceRequest): Promise<InferenceResponse> {
      try {
        return await models.invoke(name, request);
      } catch (error) {
        const isRefused = error instanceof Fault && error.code === "ValidationError";
        if (!isRefused || name === alias || (await isThere(name))) throw error;
        if (!told.has(name) && told.size < maxTold) {
          told.add(name);
          report(`there is no endpoint ${name}: ${alias} answers for it`);
        }
        const answer = await models.invoke(alias, request);
        return { ...answer, customAttributes: answer.customAttributes ?? `${aliasAttribute}=${alias}` };
      }
    },
  };
}
