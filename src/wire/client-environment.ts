import type { Credential } from "./signatures.ts";

export interface ClientEnvironmentOptions {
  /** Of a running server, such as `http://127.0.0.1:4566`. */
  url: string;
  region: string;
  /** Stand-ins are given when none are configured: clients refuse to start without any. */
  credential?: Credential;
  /** Of the certificate authority; without it transparent mode stays off. */
  bundlePath?: string;
}

/** The variables that make the AWS calls of a child program reach us, whichever client it uses and however old that is. */
export function clientEnvironment(options: ClientEnvironmentOptions): Record<string, string> {
  const { url, region, bundlePath, credential = { accessKeyId: "scones", secretAccessKey: "scones" } } = options;
  const variables: Record<string, string> = {
    AWS_ENDPOINT_URL: url,
    AWS_ACCESS_KEY_ID: credential.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credential.secretAccessKey,
    AWS_SESSION_TOKEN: "",
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_EC2_METADATA_DISABLED: "true",
    // A literal address cannot carry the host prefix "sync-" of StartSyncExecution and TestState.
    AWS_DISABLE_HOST_PREFIX_INJECTION: "true",
  };
  if (bundlePath === undefined) return variables;
  // Clients with fixed addresses (the SageMaker SDK's STS), and those that know no AWS_ENDPOINT_URL, come through the proxy.
  const noProxy = "localhost,127.0.0.1,::1,.localhost";
  return {
    ...variables,
    HTTPS_PROXY: url,
    https_proxy: url,
    NO_PROXY: noProxy,
    no_proxy: noProxy,
    AWS_CA_BUNDLE: bundlePath,
    REQUESTS_CA_BUNDLE: bundlePath,
  };
}
