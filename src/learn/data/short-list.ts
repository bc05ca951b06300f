/** In messages. */
export const mostNamed = 10;

/** The first names; `count` is how many there are in all. */
export function shortList(names: readonly string[], count = names.length): string {
  const shown = names.slice(0, mostNamed);
  return count > shown.length ? `${shown.join(", ")} and ${count - shown.length} more` : shown.join(", ");
}
