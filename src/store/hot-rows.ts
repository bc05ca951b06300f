// The rows of resources that were read last, as they stand in the table: every call of an API reads some, and this process
// alone writes them. Only the text is kept: whoever reads a row gets values of its own.
//
// A row is forgotten before it is written, and nothing is remembered inside a transaction, which may be rolled back.

export interface HotRows<Row> {
  find(kind: string, id: string): Row | undefined;
  remember(kind: string, id: string, row: Row): void;
  forget(kind: string, id: string): void;
}

/** In characters. Larger ones (long definitions) cost their parsing more than their reading. */
const largestRow = 32 * 1024;
/** Of all kinds together: at the most 32 MiB, where every row is as large as may be. */
const mostRows = 1000;

export function hotRows<Row extends { value: string }>(): HotRows<Row> {
  const kinds = new Map<string, Map<string, Row>>();
  let count = 0;
  return {
    find: (kind, id) => kinds.get(kind)?.get(id),
    remember(kind, id, row) {
      if (row.value.length > largestRow) return;
      if (count >= mostRows) {
        kinds.clear();
        count = 0;
      }
      let rows = kinds.get(kind);
      if (rows === undefined) {
        rows = new Map();
        kinds.set(kind, rows);
      }
      rows.set(id, row);
      count++;
    },
    forget(kind, id) {
      if (kinds.get(kind)?.delete(id)) count--;
    },
  };
}
