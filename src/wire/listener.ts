import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { isLoopback } from "./hosts.ts";

export interface Address {
  host: string;
  /** 0 for any that is free. */
  port: number;
  /** A listening socket that this process was given instead: host and port are then what it is bound to. */
  descriptor?: number | undefined;
  /** Whether callers must sign: without, only this machine may be listened to. */
  isGuarded: boolean;
}

/** Where a server listens. */
export interface Listening {
  /** Such as `http://127.0.0.1:4566`. */
  url: string;
  port: number;
  /** Of the listening socket, for a process that is to go on with it; absent where the system has none. */
  descriptor: number | undefined;
}

/** Connections that the system keeps for us while nobody accepts any: a restart under load. Linux bounds it by its own somaxconn. */
const backlog = 4_096;

export async function listen(server: Server, address: Address): Promise<Listening> {
  if (address.descriptor === undefined) refuseUnguarded(address.host, address);
  await new Promise<void>((resolve, reject) => {
    const { descriptor: fd, port, host } = address;
    const refuse = (error: Error) => {
      if (fd === undefined) reject(error);
      else reject(new Error(`descriptor ${fd} is no listening socket of TCP, as LISTEN_FDS says`, { cause: error }));
    };
    server.once("error", refuse);
    server.listen(fd === undefined ? { port, host, backlog } : { fd, backlog }, () => {
      server.off("error", refuse);
      resolve();
    });
  });
  const bound = server.address() as AddressInfo | string | null;
  try {
    if (bound === null || typeof bound === "string")
      throw new Error("the listening socket that was handed to Scones has no TCP address; it must be one of TCP");
    refuseUnguarded(bound.address, address);
  } catch (error) {
    server.close();
    throw error;
  }
  return {
    url: `http://${bound.family === "IPv6" ? `[${bound.address}]` : bound.address}:${bound.port}`,
    port: bound.port,
    descriptor: address.descriptor ?? descriptorOf(server),
  };
}

function refuseUnguarded(host: string, { isGuarded }: Address): void {
  if (isGuarded || isLoopback(host)) return;
  throw new Error(
    `refusing to listen on ${host} without credentials: set SCONES_ACCESS_KEY_ID and SCONES_SECRET_ACCESS_KEY, or listen on 127.0.0.1`,
  );
}

/** Node has no public name for it. Where it has another one day, restarts say that they cannot be done. */
function descriptorOf(server: Server): number | undefined {
  const { _handle: handle } = server as { _handle?: { fd?: number } };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}
