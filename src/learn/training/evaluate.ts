import type { OpenPictures } from "../data/picture-set.ts";
import type { NetworkWeights } from "../graph/models.ts";
import { type View, viewed } from "../views.ts";
import { type Normalisation, plainPicture } from "./augmentation.ts";
import { floatsOf, floatTensor, type Session } from "./runtime.ts";

/** Pictures per run of an evaluation. */
export const evaluationChunk = 32;

export interface Evaluator {
  /** Logits of some pictures, or of a view of each of them, one row each. */
  logits(pictures: OpenPictures, indices: ArrayLike<number>, view?: View): Promise<Float32Array>;
}

/** Runs the evaluation model with the weights as they are now. */
export function evaluator(session: Session, weights: NetworkWeights, normalisation: Normalisation): Evaluator {
  const parameters = floatTensor(weights.parameters, [weights.parameters.length]);
  const statistics = floatTensor(weights.statistics, [weights.statistics.length]);
  return {
    async logits(pictures, indices, view) {
      const { height, width } = pictures;
      const size = 3 * height * width;
      const parts: Float32Array[] = [];
      for (let from = 0; from < indices.length; from += evaluationChunk) {
        const count = Math.min(evaluationChunk, indices.length - from);
        const x = new Float32Array(count * size);
        for (let i = 0; i < count; i++) {
          plainPicture(pictures.at(indices[from + i]!), { target: x, offset: i * size, ...normalisation });
        }
        const seen = view === undefined ? x : viewed(x, view, pictures);
        const feeds = { x: floatTensor(seen, [count, 3, height, width]), P: parameters, S: statistics };
        parts.push(floatsOf(await session.run(feeds), "logits"));
      }
      const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
      let at = 0;
      for (const part of parts) {
        whole.set(part, at);
        at += part.length;
      }
      return whole;
    },
  };
}
