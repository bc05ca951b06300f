import type { Json } from "../kit/json.ts";

/** Named documents that must survive: models, endpoints, functions, topics, rules ... Every write is durable when it returns. */
export interface Resources {
  get<T = Json>(kind: string, id: string): Resource<T> | undefined;
  /** Fails with `ResourceExists` (a plain `false`) when the id is taken. */
  create<T = Json>(kind: string, id: string, value: T): boolean;
  /** Writes whatever was there. */
  put<T = Json>(kind: string, id: string, value: T): void;
  /** Reads, changes and writes in one transaction; `undefined` from `change` leaves it as it is. */
  update<T = Json>(kind: string, id: string, change: (value: T) => T | undefined): Resource<T> | undefined;
  /** Whether there was one. */
  delete(kind: string, id: string): boolean;
  /** In order of id, after `after`, whose id begins with `prefix`. */
  list<T = Json>(kind: string, options?: { prefix?: string; after?: string; limit?: number }): Resource<T>[];
  /** All that is done inside becomes durable together or not at all. Synchronous on purpose. */
  transaction<T>(work: () => T): T;
}

export interface Resource<T> {
  id: string;
  value: T;
  createdMs: number;
  updatedMs: number;
}
