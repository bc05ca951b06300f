// What a network is asked about a picture: which one of the classes it shows, or of every class whether it is there. All that differs
// between the two is behind this interface; whoever reads, splits, trains or measures works with rows of numbers.

export interface Task {
  readonly classes: number;
  /** The data say so many numbers of each picture, each of them a whole one from 0 to `most`. */
  readonly columns: number;
  readonly most: number;
  /** What the numbers are, to those who gave others. */
  readonly rule: string;
  /** How many of the pictures show each class. */
  sizesOf(labels: ArrayLike<number>): number[];
  /** One number per picture: what both parts of a split have the same shares of. */
  strataOf(labels: ArrayLike<number>): ArrayLike<number>;
  /** What a picture shows, for people. */
  nameOf(row: ArrayLike<number>, names: readonly string[]): string;
}
