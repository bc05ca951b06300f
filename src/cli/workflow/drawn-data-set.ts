import { drawnDataSet } from "../../vehicles/data-set.ts";
import { type VehicleKind, vehicleKinds } from "../../vehicles/draw-vehicle.ts";
import { type DataSet, DataSetError, type Picture } from "./data-set.ts";

/** As many pictures of a class as CIFAR-100 has. */
const perClass = { train: 500, test: 100 };

/** The built-in data set: vehicles drawn from a seed. */
export function drawnVehicles(options: { classes: string[]; seed: number; size: number }): DataSet {
  const { seed, size } = options;
  const classes = options.classes.map(vehicleKind);
  return {
    description: `drawn vehicles, seed ${seed}, ${size} × ${size}`,
    classes,
    total: classes.length * (perClass.train + perClass.test),
    pictures: pictures(),
  };

  async function* pictures(): AsyncGenerator<Picture> {
    const rows = { train: 0, test: 0 };
    for await (const { name, label, split, png } of drawnDataSet({ seed, size, perClass, classes })) {
      yield { split, row: rows[split]++, label, name, bytes: () => png };
    }
  }
}

export function vehicleKind(name: string): VehicleKind {
  const kind = vehicleKinds.find((candidate) => candidate === name);
  if (kind === undefined)
    throw new DataSetError(`no vehicle "${name}" can be drawn; there are: ${vehicleKinds.join(", ")}`);
  return kind;
}
