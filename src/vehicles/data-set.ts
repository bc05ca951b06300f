import { encodePng } from "../images/png-encode.ts";
import type { Conditions } from "./conditions.ts";
import { drawVehicle, type VehicleKind } from "./draw-vehicle.ts";

export interface DrawnDataSet {
  seed: string | number;
  size: number;
  perClass: { train: number; test: number };
  /** The label of a class is its place in this list. */
  classes: readonly VehicleKind[];
  conditions?: Conditions;
}

export interface DrawnPicture {
  /** Such as `bicycle_d_000017.png`; no two pictures of a data set share it. */
  name: string;
  label: number;
  className: VehicleKind;
  split: "train" | "test";
  /** 8-bit RGB. */
  png: Uint8Array;
}

/** A whole data set, one picture at a time, classes in turn; it gives way to other work between pictures. */
export async function* drawnDataSet({
  seed,
  size,
  perClass,
  classes,
  conditions,
}: DrawnDataSet): AsyncGenerator<DrawnPicture> {
  for (const split of ["train", "test"] as const) {
    for (let index = 0; index < perClass[split]; index++) {
      for (const [label, className] of classes.entries()) {
        const image = drawVehicle({
          kind: className,
          seed: `${seed}/${split}/${className}/${index}`,
          size,
          conditions,
        });
        const name = `${className}_d_${String(index + (split === "test" ? perClass.train : 0)).padStart(6, "0")}.png`;
        yield { name, label, className, split, png: encodePng(image) };
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}
