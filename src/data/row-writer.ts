import type { Connection } from 'mariadb';

// Well below 4 MB, the smallest default max_allowed_packet; larger statements were no faster.
const STATEMENT_CHARACTERS = 256 * 1024;

/** Batches rows into multi-row INSERTs. Holds up to about 256 KB per table in memory. */
export interface RowWriter {
  /** How many rows were added so far. */
  readonly rows: number;
  /** Whether a statement is ready to be sent: `await flushFull()` before adding many more rows. */
  readonly isFull: boolean;
  /** `columns` is a column list as in SQL; `tuple` has the values as literals, without parentheses. */
  add(table: string, columns: string, tuple: string): void;
  /** Sends the statements that are large enough. */
  flushFull(): Promise<void>;
  /** Sends everything. */
  flush(): Promise<void>;
}

/** Creates a `RowWriter` whose statements belong to the connection's open transaction. */
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
