import { encodePng } from "../../images/png-encode.ts";
import { type CifarArchive, cifarSide, readCifarArchive } from "../../learn/data/cifar-archive.ts";
import { type DataSet, DataSetError, type Picture } from "./data-set.ts";

/** The chosen classes of a CIFAR archive as PNG files; labels are counted in the order the classes are given. */
export async function cifarDataSet(archiveFile: string, classes: string[]): Promise<DataSet> {
  const archive = await readCifarArchive(archiveFile);
  const fineLabels = classes.map((name) => archive.labels.indexOf(name));
  const missing = classes.filter((_, i) => fineLabels[i] === -1);
  if (missing.length > 0)
    throw new DataSetError(`the archive has no class ${missing.join(", ")}; it has: ${archive.labels.join(", ")}`);
  const pictures = (["train", "test"] as const).flatMap((split) => chosen(archive[split], split, fineLabels));
  return {
    description: archive.labels.length === 100 ? "CIFAR-100" : "CIFAR-10",
    classes,
    total: pictures.length,
    pictures,
  };
}

function chosen(source: CifarArchive["train"], split: Picture["split"], fineLabels: number[]): Picture[] {
  return source.labels.flatMap((fineLabel, row) => {
    const label = fineLabels.indexOf(fineLabel);
    return label === -1
      ? []
      : [{ split, row, label, name: source.fileNames[row] ?? `${row}.png`, bytes: () => pngOf(source.rows, row) }];
  });
}

/** A row holds the red, the green and the blue plane one after the other. */
function pngOf(rows: Uint8Array, row: number): Uint8Array {
  const plane = cifarSide * cifarSide;
  const start = row * 3 * plane;
  const data = new Uint8Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let channel = 0; channel < 3; channel++) data[i * 3 + channel] = rows[start + channel * plane + i] ?? 0;
  }
  return encodePng({ width: cifarSide, height: cifarSide, data });
}
