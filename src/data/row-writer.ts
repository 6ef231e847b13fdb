import type { Connection } from 'mariadb';

// Well below 4 MB, the smallest max_allowed_packet that servers come with; larger statements were no faster.
const STATEMENT_CHARACTERS = 256 * 1024;

/** Collects rows and sends them as multi-row INSERTs; memory is bounded by what is waiting, about 256 KB a table. */
export interface RowWriter {
  /** Rows handed over so far. */
  readonly rows: number;
  /** True when enough is waiting for a statement: `await flushFull()` before adding much more. */
  readonly isFull: boolean;
  /** `columns` is the list in backquotes or bare, as in SQL; `tuple` the values without brackets, each a literal. */
  add(table: string, columns: string, tuple: string): void;
  /** Sends the statements that are large enough. */
  flushFull(): Promise<void>;
  /** Sends everything. */
  flush(): Promise<void>;
}

/** A `RowWriter` on a connection; what it sends belongs to the transaction that is open there. */
export function createRowWriter(connection: Connection): RowWriter {
  const waiting = new Map<string, { tuples: string[]; characters: number }>();
  const full = new Set<string>();
  let rows = 0;
  const send = async (head: string) => {
    const batch = waiting.get(head);
    if (batch === undefined) return;
    waiting.delete(head);
    full.delete(head);
    await connection.query(`${head}${batch.tuples.join('),(')})`);
  };
  return {
    get rows() {
      return rows;
    },
    get isFull() {
      return full.size > 0;
    },
    add(table, columns, tuple) {
      const head = `INSERT INTO ${table} (${columns}) VALUES (`;
      let batch = waiting.get(head);
      if (batch === undefined) waiting.set(head, (batch = { tuples: [], characters: 0 }));
      batch.tuples.push(tuple);
      batch.characters += tuple.length + 3;
      rows += 1;
      if (batch.characters >= STATEMENT_CHARACTERS) full.add(head);
    },
    async flushFull() {
      for (const head of full) await send(head);
    },
    async flush() {
      for (const head of waiting.keys()) await send(head);
    },
  };
}
