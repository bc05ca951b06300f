import { labelsOf, openPictures, type PictureSet } from "../data/picture-set.ts";
import { evaluationModel } from "../graph/models.ts";
import type { Scored } from "../risk.ts";
import { viewsOf } from "../views.ts";
import { evaluator } from "./evaluate.ts";
import { openSession } from "./runtime.ts";
import type { Trained } from "./train.ts";
import { DivergedError } from "./worker-group.ts";

/** What the networks of a job say about some pictures. */
export interface Answers extends Scored {
  /** The mean over all networks, as the model that is served has it. */
  logits: Float32Array;
  byMember: Float32Array[];
}

/** Runs the trained networks as they are, not yet exported; with as many views of each picture as their plan has. */
export async function answering(
  members: readonly Trained[],
): Promise<(set: PictureSet, indices: ArrayLike<number>) => Promise<Answers>> {
  const { plan, layout, normalisation } = members[0]!;
  const session = await openSession(evaluationModel(plan.network, layout, plan), plan.workers);
  const networks = members.map((member) => evaluator(session, member, normalisation));
  const views = viewsOf(plan.views);
  return async (set, indices) => {
    const pictures = openPictures(set);
    try {
      const byMember: Float32Array[] = [];
      for (const { logits } of networks) {
        const byView: Float32Array[] = [];
        for (const view of views) byView.push(await logits(pictures, indices, view));
        byMember.push(meanOf(byView));
      }
      const mean = meanOf(byMember);
      // Finite weights may be so large that what they compute is not.
      if (!mean.every(Number.isFinite)) {
        throw new DivergedError("the answers of the trained network are no numbers: use a lower learning_rate");
      }
      return { logits: mean, byMember, truth: labelsOf(set, indices) };
    } finally {
      pictures.close();
    }
  };
}

function meanOf(rows: readonly Float32Array[]): Float32Array {
  return rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
}
