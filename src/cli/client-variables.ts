import { clientConfig, inheritedEnvironment, serverConfig } from "../config.ts";
import { connectTo } from "./clients.ts";
import { type Invocation, textOption } from "./command.ts";

export interface ClientVariables {
  /** What makes a program's AWS calls reach the server. */
  set: Record<string, string>;
  /** What is set here and would lead them elsewhere. */
  unset: string[];
}

/** Variables by which AWS clients would go elsewhere, or as somebody else, whatever else is set. */
const leadingElsewhere = /^AWS_(PROFILE|DEFAULT_PROFILE|IGNORE_CONFIGURED_ENDPOINT_URLS|ENDPOINT_URL_.*)$/;

/** For the server of `--endpoint`; fails at once when nothing answers there. */
export async function clientVariables(invocation: Pick<Invocation, "options">): Promise<ClientVariables> {
  const { clientEnvironment } = await import("../app.ts");
  const endpointUrl = textOption(invocation, "endpoint");
  const clients = await connectTo(endpointUrl);
  clients.close();
  const config = clientConfig(endpointUrl === undefined ? {} : { endpointUrl });
  return {
    set: await clientEnvironment(config, serverConfig().dataDirectory),
    unset: Object.keys(inheritedEnvironment()).filter((name) => leadingElsewhere.test(name)),
  };
}
