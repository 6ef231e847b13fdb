import type { DatabaseSync } from 'node:sqlite';

/**
 * Rows that wait for a unique value that another row still holds, sorted so that the row which gives the value up is written
 * first. A cycle of rows that need each other's values is written together.
 */
export interface KeptRows {
  /** @param row `holder` is the key of the row that has the value now; null if it has no key, so that no kept row can be it */
  keep(content: unknown, row: { key: string; holder: string | null }): void;
  count(): number;
  /**
   * Settles the order of all rows kept so far.
   * @param limit the most rows that a cycle may have to be taken as a whole
   * @returns one row of each larger cycle, which must give up its value before any row is taken
   */
  arrange(limit: number): readonly unknown[];
  /** Removes and returns the next arranged rows, `limit` or fewer; none when all were taken. */
  take(limit: number): readonly unknown[];
}

const IS_OPEN = 'NOT EXISTS (SELECT 1 FROM turns WHERE turns.id = kept.id)';

/** Queues rows, then those that need what these give up, and so on. */
const walkFrom = (condition: string) => `
  INSERT INTO turns (id)
  WITH RECURSIVE walk (id, key) AS (
    SELECT id, key FROM kept WHERE ${condition} AND ${IS_OPEN}
    UNION SELECT kept.id, kept.key FROM walk JOIN kept ON kept.holder = walk.key WHERE ${IS_OPEN}
  )
  SELECT id FROM walk`;

/** Creates the tables for it in a database. */
export function createKeptRows(database: DatabaseSync): KeptRows {
  database.exec(`
    CREATE TABLE kept (id INTEGER PRIMARY KEY, key TEXT, holder TEXT, content TEXT);
    CREATE INDEX kept_key ON kept (key);
    CREATE INDEX kept_holder ON kept (holder);
    CREATE TABLE turns (turn INTEGER PRIMARY KEY, id INTEGER UNIQUE, cycle INTEGER);
  `);
  const insert = database.prepare('INSERT INTO kept (key, holder, content) VALUES (?, ?, ?)');
  const count = database.prepare('SELECT COUNT(*) AS count FROM kept');
  const walkFromFree = database.prepare(
    walkFrom('NOT EXISTS (SELECT 1 FROM kept AS holding WHERE holding.key = kept.holder)'),
  );
  const walkFromHolder = database.prepare(walkFrom('holder = ?'));
  const nextOpen = database.prepare(`SELECT id, key FROM kept WHERE id > ? AND ${IS_OPEN} ORDER BY id LIMIT 1`);
  const insertTurn = database.prepare('INSERT INTO turns (id, cycle) SELECT id, ? FROM kept WHERE key = ?');
  const contentOf = database.prepare('SELECT content FROM kept WHERE key = ?');
  const holderOf = database.prepare('SELECT holder FROM kept WHERE key = ?');

  /** The keys of the cycle that a row leads to: each row in it needs what the next one has, and the last what the first has. */
  const cycleFrom = (start: string): string[] => {
    const path = new Set<string>();
    let key = start;
    for (; !path.has(key); key = String(holderOf.get(key)?.['holder'])) path.add(key);
    const keys = [...path];
    return keys.slice(keys.indexOf(key));
  };
  return {
    keep: (content, { key, holder }) => void insert.run(key, holder, JSON.stringify(content)),
    count: () => Number(count.get()?.['count']),
    arrange(limit) {
      walkFromFree.run();
      const giving: unknown[] = [];
      // A row needs only one value, so each row that is not queued yet leads to a cycle.
      for (let row = nextOpen.get(0); row !== undefined; row = nextOpen.get(Number(row['id']))) {
        const cycle = cycleFrom(String(row['key']));
        const [first = ''] = cycle;
        if (cycle.length > limit) giving.push(JSON.parse(String(contentOf.get(first)?.['content'])));
        else for (const key of cycle) insertTurn.run(Number(row['id']), key);
        for (const key of cycle.length > limit ? [first] : cycle) walkFromHolder.run(key);
      }
      return giving;
    },
    take: createTake(database),
  };
}

function createTake(database: DatabaseSync): KeptRows['take'] {
  const select = database.prepare(
    'SELECT turn, cycle, id, content FROM turns JOIN kept USING (id) ORDER BY turn LIMIT ?',
  );
  const remove = database.prepare('DELETE FROM kept WHERE id = ?');
  const forget = database.prepare('DELETE FROM turns WHERE turn <= ?');
  return (limit) => {
    const rows = select.all(limit + 1);
    const cutCycle = rows[limit]?.['cycle'] ?? null;
    const isWhole = (row: { cycle?: unknown }) => cutCycle === null || row.cycle !== cutCycle;
    const taken = rows.slice(0, limit).filter(isWhole);
    for (const row of taken) remove.run(row['id'] ?? 0);
    forget.run(taken.at(-1)?.['turn'] ?? 0);
    return taken.map((row) => JSON.parse(String(row['content'])) as unknown);
  };
}
