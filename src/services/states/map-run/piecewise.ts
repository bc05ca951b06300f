/** Something that is given piece by piece and makes other things of it, of which some may come only with the next piece. */
export interface Piecewise<In, Out> {
  take(piece: In): Out[];
  /** What is left when nothing follows. */
  rest(): Out[];
}

export async function* eachPiece<In, Out>(pieces: AsyncIterable<In>, maker: Piecewise<In, Out>): AsyncGenerator<Out[]> {
  for await (const piece of pieces) yield maker.take(piece);
  yield maker.rest();
}

export function allAtOnce<In, Out>(whole: In, maker: Piecewise<In, Out>): Out[] {
  return maker.take(whole).concat(maker.rest());
}
