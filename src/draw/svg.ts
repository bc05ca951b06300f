/** Text that may stand between tags and inside attributes. Characters that XML 1.0 forbids become a visible replacement. */
export function escaped(text: string): string {
  return (
    text
      .replace(
        /[&<>"']/g,
        (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[character] as string,
      )
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML cannot carry.
      .replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, "\uFFFD")
  );
}

/** At most two decimals: the same bytes for the same picture. */
export function num(value: number): string {
  const rounded = Math.round(value * 100) / 100;
  return String(rounded === 0 ? 0 : rounded);
}
