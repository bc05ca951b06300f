import { type IncomingMessage, type ServerResponse, request as send } from "node:http";

/**
 * Hands a request that came on a kept connection to the server that listens at `url` by now. Nothing of it is changed, so that
 * its signature holds; that connection ends with the answer, and its caller's next one goes there by itself.
 */
export function relay(request: IncomingMessage, response: ServerResponse, url: string): void {
  const { hostname, port } = new URL(url);
  response.shouldKeepAlive = false;
  const asked = send(
    {
      ...{ hostname: hostname.replace(/^\[|\]$/g, ""), port, method: request.method, path: request.url },
      headers: { ...request.headers, connection: "close" },
    },
    (answer) => {
      const { connection: _connection, "keep-alive": _keptFor, ...headers } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    },
  );
  asked.on("error", () => response.destroy());
  response.on("close", () => asked.destroy());
  request.pipe(asked);
}
