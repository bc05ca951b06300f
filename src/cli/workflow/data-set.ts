/** A data set before it is staged: where it came from, its classes, and its pictures one at a time. */
export interface DataSet {
  /** One line for people: `CIFAR-100`, `drawn vehicles`, or the folder. */
  description: string;
  /** Class names in label order. */
  classes: string[];
  /** Pictures known so far; a source that streams may not know before it ends. */
  total: number | undefined;
  pictures: AsyncIterable<Picture> | Iterable<Picture>;
}

export interface Picture {
  split: "train" | "test";
  /** Position in the list, as in the first column of a `.lst` file. */
  row: number;
  label: number;
  /** File name below the split's folder; unique within the split. */
  name: string;
  bytes: () => Promise<Uint8Array> | Uint8Array;
}

export class DataSetError extends Error {}
