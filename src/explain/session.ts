import {
  createDatabase,
  type Database,
  type DatabaseTimes,
  type RawRow,
  type Reader,
  type ReadStatement,
} from '../db/database.ts';
import { codeOf } from '../errors.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { NEVER } from '../time-limit.ts';

/** How a statement accesses a table. */
export interface TableAccess {
  /** The table's name or alias in the statement. */
  readonly table: string;
  /** `ALL` reads the whole table, `index` all of an index in its order, `range` and `ref` a part of one, `eq_ref` one row. */
  readonly type: string;
  readonly index: string | null;
}

/** What the server reports about a statement. */
export interface Measurement {
  readonly statement: ReadStatement;
  readonly rows: readonly RawRow[];
  /** The server's error, in which case nothing was counted. */
  readonly error: string | undefined;
  /** Whether it exceeded the statement timeout. */
  readonly isStopped: boolean;
  readonly access: readonly TableAccess[];
  readonly usesFilesort: boolean;
  /** Rows and index entries that were read, including those of temporary tables. */
  readonly rowsRead: number;
  readonly rowsReturned: number;
  readonly temporaryTables: number;
  readonly rowsSorted: number;
  readonly tookMs: number;
}

/** Read-only connections. */
export interface MeasuringSession {
  /** Sends a statement and returns its rows; none if the server refuses it. Only measured statements report errors. */
  readonly read: Reader['read'];
  /** Sends a statement and measures what the server does for it. One at a time. */
  measure(statement: ReadStatement): Promise<Measurement>;
  close(): Promise<void>;
}

type Connection = Reader & Pick<Database, 'close'>;

/**
 * Opens a session in which the server refuses writes. Statements take the same path as the gateway's.
 * @throws SERVICE_UNAVAILABLE when the server does not answer
 */
export async function openMeasuringSession(url: string, times: DatabaseTimes): Promise<MeasuringSession> {
  // The counters are per connection, so measured statements have their own; plans and samples use the other one.
  const open = async (): Promise<Connection> => {
    const db = await createDatabase({ url, ...times, connections: 1, metrics: createMetrics() });
    const { read } = db.reader(NEVER);
    await read({ ...OTHER, sql: 'SET SESSION TRANSACTION READ ONLY', values: [] });
    return { read, close: () => db.close() };
  };
  const [measured, other] = [await open(), await open()];
  let counters = await readCounters(measured);

  return {
    read: async (statement) => [...(await settled(other.read(statement))).rows],
    async measure(statement) {
      const [plan, sent] = await Promise.all([
        settled(other.read({ ...OTHER, sql: `EXPLAIN ${statement.sql}`, values: statement.values })),
        settled(measured.read(statement)),
      ]);
      const before = counters;
      counters = await readCounters(measured);
      return {
        statement,
        rows: sent.rows,
        error: sent.error ?? plan.error,
        isStopped: sent.isStopped,
        ...accessOf(plan.rows),
        ...differences(before, counters),
        rowsReturned: sent.rows.length,
        tookMs: sent.tookMs,
      };
    },
    async close() {
      await Promise.all([measured.close(), other.close()]);
    },
  };
}

const OTHER = { name: 'explain' } as const;

type Settled = Pick<Measurement, 'rows' | 'error' | 'isStopped' | 'tookMs'>;

/** The outcome of a statement, including its own errors; throws when the server is unreachable. */
async function settled(sending: Promise<RawRow[]>): Promise<Settled> {
  const sent = performance.now();
  const took = () => ({ tookMs: performance.now() - sent });
  try {
    return { rows: await sending, error: undefined, isStopped: false, ...took() };
  } catch (error) {
    const code = codeOf(error);
    if (code !== undefined && code !== 'TIMEOUT') throw error;
    return { rows: [], error: serverMessage(error), isStopped: code === 'TIMEOUT', ...took() };
  }
}

type Counters = ReadonlyMap<string, number>;

/** SHOW STATUS does not count itself, on either server. */
async function readCounters(db: Reader): Promise<Counters> {
  const rows = await db.read({
    ...OTHER,
    sql: `SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_read%' OR Variable_name LIKE 'Handler_icp%'
      OR Variable_name IN ('Created_tmp_tables', 'Sort_rows')`,
    values: [],
  });
  return new Map(rows.map(([name, value]) => [String(name), Number(value)]));
}

function differences(before: Counters, after: Counters) {
  const difference = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  const reads = [...after.keys()].filter((name) => name.startsWith('Handler_read_'));
  return {
    // Entries rejected by an index condition are also read, but MariaDB counts them separately (MySQL does not).
    rowsRead:
      reads.reduce((sum, name) => sum + difference(name), 0) +
      difference('Handler_icp_attempts') -
      difference('Handler_icp_match'),
    temporaryTables: difference('Created_tmp_tables'),
    rowsSorted: difference('Sort_rows'),
  };
}

/** Reads a plan in the traditional format, which has ten columns on MariaDB and twelve on MySQL. */
function accessOf(plan: readonly RawRow[]): Pick<Measurement, 'access' | 'usesFilesort'> {
  const access = plan.flatMap((row): TableAccess[] => {
    const shift = row.length > 10 ? 1 : 0;
    const [table, type, index] = [row[2], row[3 + shift], row[5 + shift]];
    // Results of other parts of the statement have names in angle brackets; a part without rows has no table.
    if (typeof table !== 'string' || typeof type !== 'string' || table.startsWith('<')) return [];
    return [{ table, type, index: typeof index === 'string' ? index : null }];
  });
  return { access, usesFilesort: plan.some((row) => String(row.at(-1)).includes('Using filesort')) };
}

/** The server's own message, from below the adapter's and the gateway's errors. */
function serverMessage(error: unknown): string {
  if (!Error.isError(error)) return String(error);
  const { originalMessage } = (error.cause ?? {}) as { originalMessage?: unknown };
  return typeof originalMessage === 'string' ? originalMessage : error.message;
}
