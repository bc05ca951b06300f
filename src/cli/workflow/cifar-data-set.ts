import { encodePng } from "../../images/png-encode.ts";
import { readCifarArchive } from "../../learn/data/cifar-archive.ts";
import { type CifarBatch, cifarPicture } from "../../learn/data/cifar-batch.ts";
import { type DataSet, DataSetError, type Picture } from "./data-set.ts";

/**
 * Classes of a CIFAR archive as PNG files: those that were asked for, else the usual ones, or all where there are none of them (CIFAR-10).
 * Labels are counted in the order of the classes.
 */
export async function cifarDataSet(
  archiveFile: string,
  { asked, usual }: { asked?: string[]; usual: string[] },
): Promise<DataSet> {
  const archive = await readCifarArchive(archiveFile);
  const classes = asked ?? (usual.some((name) => archive.labels.includes(name)) ? usual : archive.labels);
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

function chosen(batch: CifarBatch, split: Picture["split"], fineLabels: number[]): Picture[] {
  return batch.labels.flatMap((fineLabel, row) => {
    const label = fineLabels.indexOf(fineLabel);
    const bytes = () => encodePng(cifarPicture(batch, row));
    return label === -1 ? [] : [{ split, row, label, name: batch.names[row]!, bytes }];
  });
}
