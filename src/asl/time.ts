/** RFC 3339 with a `T` and an offset, as AWS asks for; seconds may have any fraction. */
const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** The instant in milliseconds, or undefined when the text is no timestamp. */
export function parseTimestamp(text: string): number | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const day = Number(match[3]);
  const daysInMonth = new Date(Date.UTC(Number(match[1]), Number(match[2]), 0)).getUTCDate();
  const parsed = Date.parse(text);
  return Number.isNaN(parsed) || day > daysInMonth ? undefined : parsed;
}
