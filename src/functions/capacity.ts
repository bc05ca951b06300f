import type { Pool } from "./pool.ts";

/** The number of environments on this machine, shared fairly enough: an idle one of another function gives way. */
export interface Capacity {
  join(member: Member): () => void;
  /** Whether the pool may start one more. A function without any always may: two that call each other must not wait forever. */
  take(pool: Pool): boolean;
  release(): void;
}

interface Member {
  pool: Pool;
  pump(): void;
  isEmpty(): boolean;
}

export function environmentCapacity(bound: number): Capacity {
  const members = new Set<Member>();
  let used = 0;
  return {
    join(member) {
      members.add(member);
      return () => members.delete(member);
    },
    take(pool) {
      if (used >= bound) {
        const others = [...members].filter((member) => member.pool !== pool);
        const hasRoom = others.some((member) => member.pool.yieldOne());
        const isFirst = [...members].some((member) => member.pool === pool && member.isEmpty());
        if (!hasRoom && !isFirst) return false;
      }
      used++;
      return true;
    },
    release() {
      used--;
      for (const member of members) member.pump();
    },
  };
}
