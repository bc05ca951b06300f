import { encodePng } from "../images/png-encode.ts";
import { drawVehicle } from "../vehicles/draw-vehicle.ts";
import type { Corruption, TrafficItem } from "./traffic-plan.ts";

/** The bytes that an item sends: a drawn vehicle as PNG, damaged where the plan says so. */
export function trafficPicture(item: TrafficItem, { size }: { size: number }): Uint8Array {
  const { className, seed, conditions, corruption } = item;
  const png = encodePng(drawVehicle({ kind: className, seed, size, ...(conditions && { conditions }) }));
  return corruption === undefined ? png : damaged(png, corruption);
}

/** What goes wrong between a camera and a server. */
export function damaged(bytes: Uint8Array, corruption: Corruption): Uint8Array {
  switch (corruption) {
    case "truncated":
      return bytes.slice(0, Math.floor(bytes.length / 2));
    case "flipped": {
      // In the middle of the compressed data: the signature stays, the checksums do not.
      const copy = bytes.slice();
      const middle = Math.floor(copy.length / 2);
      for (let i = 0; i < 8 && middle + i < copy.length; i++) copy[middle + i] = (copy[middle + i] as number) ^ 0xa5;
      return copy;
    }
    case "empty":
      return new Uint8Array(0);
    case "notAPicture":
      return new TextEncoder().encode("<html><body>502 Bad Gateway</body></html>");
    default:
      return corruption satisfies never;
  }
}
