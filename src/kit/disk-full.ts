/** Whether an error says that no space is left (or a quota is used up), as files or as SQLite tell it. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT" || message === "database or disk is full";
}
