// Transparent mode: programs that were told to use us as their HTTPS proxy ask for CONNECT. Hosts of AWS end here; every other
// host is connected through untouched, because a refused one would break programs that have nothing to do with AWS.
import type { IncomingMessage, Server } from "node:http";
import { connect, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type CertificateAuthority, isAmazonHost } from "./certificate-authority.ts";
import { isLoopback } from "./hosts.ts";

/** Returns what breaks off all tunnels. */
export function acceptTunnels(server: Server, authority: CertificateAuthority | undefined): () => void {
  const open = new Set<Socket>();
  const keep = (socket: Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    // Whoever breaks a connection off ends it for the other side too; there is nobody to tell.
    socket.on("error", () => socket.destroy());
  };

  server.on("connect", (request: IncomingMessage, socket: Socket, first: Buffer) => {
    keep(socket);
    const { host, port } = targetOf(request.url ?? "");
    if (authority === undefined || host === "" || !isLoopback(socket.remoteAddress ?? "")) {
      // For callers elsewhere this would be an open proxy into the user's network.
      socket.end("HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    if (isAmazonHost(host)) {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      if (first.length > 0) socket.unshift(first);
      serveSecurely(server, socket, { authority, host });
      return;
    }
    const upstream = connect(port, host, () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      if (first.length > 0) upstream.write(first);
      upstream.pipe(socket).pipe(upstream);
    });
    keep(upstream);
    let isConnected = false;
    upstream.on("connect", () => {
      isConnected = true;
    });
    upstream.on("error", () => {
      if (isConnected) socket.destroy();
      else socket.end("HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    });
    socket.on("close", () => upstream.destroy());
  });

  return () => {
    for (const socket of open) socket.destroy();
  };
}

interface SecureOptions {
  authority: CertificateAuthority;
  host: string;
}

/** Ends TLS here and hands what is inside to the same HTTP server. */
function serveSecurely(server: Server, socket: Socket, { authority, host }: SecureOptions): void {
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: authority.contextFor(host),
    ALPNProtocols: ["http/1.1"],
    SNICallback: (name, done) => {
      const asked = name.toLowerCase();
      done(null, authority.contextFor(isAmazonHost(asked) ? asked : host));
    },
  });
  secure.on("error", () => secure.destroy());
  server.emit("connection", secure);
}

function targetOf(authorityForm: string): { host: string; port: number } {
  const match = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(authorityForm);
  return { host: (match?.[1] ?? "").toLowerCase(), port: Number(match?.[2] ?? 0) };
}
