import { createDatabase, type Database, type DatabaseTimes, type RawRow, type ReadStatement } from '../db/database.ts';
import { exposedCode } from '../errors.ts';
import { createMetrics } from '../telemetry/metrics.ts';

/** How a server reads a table in a statement. */
export interface TableAccess {
  /** The table's name or alias in the statement. */
  readonly table: string;
  /** `ALL` reads the whole table, `index` an index in its order, `range` and `ref` a part of one, `eq_ref` one row. */
  readonly type: string;
  readonly index: string | null;
}

/** What the server itself says of a statement. */
export interface Measurement {
  readonly statement: ReadStatement;
  readonly rows: readonly RawRow[];
  /** What went wrong in its own words; then nothing was counted. */
  readonly error: string | undefined;
  /** Whether it was stopped for taking longer than a statement may. */
  readonly isStopped: boolean;
  readonly access: readonly TableAccess[];
  readonly usesFilesort: boolean;
  /** Rows and index entries that were read, of temporary tables too. */
  readonly rowsRead: number;
  readonly rowsReturned: number;
  readonly temporaryTables: number;
  readonly rowsSorted: number;
  readonly tookMs: number;
}

/** Connections that read and never write. */
export interface MeasuringSession {
  /** Sends a statement and gives its rows: none for one that the server refuses, which measuring it would tell. */
  readonly read: Database['read'];
  /** Sends a statement and tells what the server did for it. One at a time. */
  measure(statement: ReadStatement): Promise<Measurement>;
  close(): Promise<void>;
}

/**
 * Opens a session in which the server refuses to write. Statements go the way that the gateway's own go.
 * @throws SERVICE_UNAVAILABLE when the server does not answer
 */
export async function openMeasuringSession(url: string, times: DatabaseTimes): Promise<MeasuringSession> {
  // The counters are a connection's: what is measured has one of its own, and plans and samples are asked of the other.
  const open = async (): Promise<Database> => {
    const db = await createDatabase({ url, ...times, connections: 1, metrics: createMetrics() });
    await db.read({ ...OTHER, sql: 'SET SESSION TRANSACTION READ ONLY', values: [] });
    return db;
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

/** What came of a statement, faults of its own included; a server out of reach is thrown. */
async function settled(sending: Promise<RawRow[]>): Promise<Settled> {
  const sent = performance.now();
  const took = () => ({ tookMs: performance.now() - sent });
  try {
    return { rows: await sending, error: undefined, isStopped: false, ...took() };
  } catch (error) {
    const code = exposedCode(error);
    if (code !== undefined && code !== 'TIMEOUT') throw error;
    return { rows: [], error: serverMessage(error), isStopped: code === 'TIMEOUT', ...took() };
  }
}

type Counters = ReadonlyMap<string, number>;

/** SHOW STATUS does not count itself, on either server. */
async function readCounters(db: Database): Promise<Counters> {
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
    // Entries that an index condition refuses are read too, but counted apart (in MariaDB; MySQL does not).
    rowsRead:
      reads.reduce((sum, name) => sum + difference(name), 0) +
      difference('Handler_icp_attempts') -
      difference('Handler_icp_match'),
    temporaryTables: difference('Created_tmp_tables'),
    rowsSorted: difference('Sort_rows'),
  };
}

/** Reads a plan in its traditional form: of ten columns on MariaDB, of twelve on MySQL. */
function accessOf(plan: readonly RawRow[]): Pick<Measurement, 'access' | 'usesFilesort'> {
  const access = plan.flatMap((row): TableAccess[] => {
    const shift = row.length > 10 ? 1 : 0;
    const [table, type, index] = [row[2], row[3 + shift], row[5 + shift]];
    // Results of other parts of the statement are in angle brackets; a part without rows has no table.
    if (typeof table !== 'string' || typeof type !== 'string' || table.startsWith('<')) return [];
    return [{ table, type, index: typeof index === 'string' ? index : null }];
  });
  return { access, usesFilesort: plan.some((row) => String(row.at(-1)).includes('Using filesort')) };
}

/** The server's own words, below what the adapter and the gateway make of them. */
function serverMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { originalMessage } = (error.cause ?? {}) as { originalMessage?: unknown };
  return typeof originalMessage === 'string' ? originalMessage : error.message;
}
