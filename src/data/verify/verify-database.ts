import type { Connection } from 'mariadb';
import { CliError, EXIT } from '../../cli-error.ts';
import { errorNumber, SERVER_ERRORS } from '../../db/server-errors.ts';
import { openConnection } from '../connection.ts';
import { toDrift, withinRange, type Check, type Drift, type Row, type Within } from './check.ts';
import { PASSES, type Pass } from './passes.ts';
import { countRows, doneOf, nextRange, sizeOf, spanOf, type NextRange, type Span } from './ranges.ts';
import { repairCustomer } from './repair.ts';

interface VerifyProgress {
  /** How many ids of customers and orders were covered, whether rows exist or not, out of `ids`. */
  readonly idsDone: number;
  readonly ids: number;
  /** How many rows were checked so far. */
  readonly rows: number;
}

interface VerifyOptions {
  readonly databaseUrl: string;
  /** Recomputes derived data. Default false: nothing is written. */
  readonly repairs?: boolean;
  /** About how many rows of each table to check in one transaction. Default 5,000. */
  readonly rowsAtOnce?: number;
  /** Called for each drift when it is found or repaired. */
  readonly found?: (drift: Drift) => void;
  /** Called at the start and after each range. */
  readonly report?: (progress: VerifyProgress) => void;
  /** Stops after the current statement. */
  readonly signal?: AbortSignal;
}

export interface VerifyResult {
  readonly isInterrupted: boolean;
  /** How many rows were checked. */
  readonly rows: number;
  /** The first 100 drifts; `found` receives all. */
  readonly drifts: readonly Drift[];
  /** The total number of drifts, by table and field, such as `orders.total`. */
  readonly counts: ReadonlyMap<string, number>;
  /** How many of them were repaired. */
  readonly repaired: number;
}

const ROWS_AT_ONCE = 5_000;
const MAX_DRIFTS = 100;
const { BAD_FIELD_ERROR, NO_SUCH_TABLE, KEY_DOES_NOT_EXIST } = SERVER_ERRORS;
const OTHER_TABLES: ReadonlySet<number> = new Set([BAD_FIELD_ERROR, NO_SUCH_TABLE, KEY_DOES_NOT_EXIST]);

/**
 * Checks a database's consistency: sums and counts, duplicated columns, versions and their record, and references. It proceeds
 * range by range on the indexes of customers' and orders' ids, each range in a read-only transaction with its own snapshot, so
 * that concurrent writes are seen completely or not at all. Memory use does not depend on how many rows or drifts there are.
 * @throws CliError (exit code 69) when the database cannot be reached or its tables are of another version
 */
export async function verifyDatabase(options: VerifyOptions): Promise<VerifyResult> {
  const connection = await openConnection(options.databaseUrl);
  try {
    return await verify(connection, options);
  } catch (error) {
    if (!OTHER_TABLES.has(errorNumber(error) ?? 0)) throw error;
    throw new CliError('The tables do not match this version. Run npm run migrate first', {
      cause: error,
      exitCode: EXIT.unavailable,
    });
  } finally {
    await connection.end();
  }
}

interface Run {
  readonly connection: Connection;
  readonly options: VerifyOptions;
  readonly drifts: Drift[];
  readonly counts: Map<string, number>;
  repaired: number;
  rows: number;
  idsDone: number;
}

async function verify(connection: Connection, options: VerifyOptions): Promise<VerifyResult> {
  const run: Run = { connection, options, drifts: [], counts: new Map(), repaired: 0, rows: 0, idsDone: 0 };
  const passes: { pass: Pass; span: Span }[] = [];
  for (const pass of PASSES) passes.push({ pass, span: await spanOf(connection, pass) });
  const ids = passes.reduce((sum, { span }) => sum + sizeOf(span), 0);
  options.report?.({ idsDone: 0, ids, rows: 0 });
  for (const { pass, span } of passes) {
    const before = run.idsDone;
    let range: NextRange | undefined;
    while (range?.isLast !== true && !isInterrupted(run)) {
      range = await verifyRange(run, pass, range?.upTo ?? pass.ends[0]);
      run.idsDone = before + doneOf(span, range);
      options.report?.({ idsDone: run.idsDone, ids, rows: run.rows });
    }
  }
  const { rows, drifts, counts, repaired } = run;
  return { isInterrupted: isInterrupted(run), rows, drifts, counts, repaired };
}

const isInterrupted = ({ options }: Run): boolean => options.signal?.aborted === true;

async function verifyRange(run: Run, pass: Pass, after: string): Promise<NextRange> {
  const { connection, options } = run;
  const damaged = new Set<bigint>();
  const range = await inSnapshot(connection, async () => {
    const next = await nextRange(connection, pass, { after, rows: options.rowsAtOnce ?? ROWS_AT_ONCE });
    const within = withinRange(next);
    for (const check of pass.checks) {
      if (isInterrupted(run)) return next;
      for await (const row of faultyRows(connection, check, within))
        if (options.repairs === true && check.repair !== undefined) damaged.add(BigInt(row['customer_id'] ?? 0));
        else settle(run, toDrift(check, row));
    }
    run.rows += await countRows(connection, pass, next);
    return next;
  });
  const repairable = pass.checks.filter((check) => check.repair !== undefined);
  for (const customerId of damaged)
    for (const drift of await repairCustomer(connection, repairable, customerId)) settle(run, drift);
  return range;
}

/** Streams the rows that a check finds, however many there are. */
async function* faultyRows(connection: Connection, check: Check, within: Within): AsyncGenerator<Row> {
  const rows: AsyncIterable<Row> = connection.queryStream(check.sql(within));
  for await (const row of rows) {
    const faulty = check.judge === undefined ? row : check.judge(row);
    if (faulty !== undefined) yield faulty;
  }
}

function settle(run: Run, drift: Drift): void {
  const kind = `${drift.table}.${drift.field}`;
  run.counts.set(kind, (run.counts.get(kind) ?? 0) + 1);
  if (drift.isRepaired) run.repaired += 1;
  if (run.drifts.length < MAX_DRIFTS) run.drifts.push(drift);
  run.options.found?.(drift);
}

async function inSnapshot<Result>(connection: Connection, work: () => Promise<Result>): Promise<Result> {
  // Applies only to the next transaction. At the session's own level, each statement would have its own snapshot.
  await connection.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
  try {
    return await work();
  } finally {
    if (connection.isValid()) await connection.rollback();
  }
}
