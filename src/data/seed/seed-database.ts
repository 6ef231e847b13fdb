import type { Connection, UpsertResult } from 'mariadb';
import { termsInsert } from '../../crm/customer/search/terms.ts';
import { errorNumber, SERVER_ERRORS } from '../../db/server-errors.ts';
import { inTransaction, openConnection } from '../connection.ts';
import { createRowWriter } from '../row-writer.ts';
import { DATA_TABLES } from '../tables.ts';
import { writeBlock } from './block.ts';
import { createCatalogue, type Catalogue } from './catalogue.ts';
import { blockCount, customersInBlock, planBlock, type Block, type SeedParameters } from './plan.ts';
import {
  assertEmpty,
  assertOnlySeedRows,
  assertSameParameters,
  countDifferences,
  createProgressTable,
  foreignRows,
  readSeedState,
  recordBlock,
  recordStart,
  resetTables,
  type RowDifference,
} from './progress-table.ts';

/** A seed's progress. `rows` counts what this run has written, over all tables. */
interface SeedProgress {
  readonly customersDone: number;
  readonly customers: number;
  readonly rows: number;
}

interface SeedOptions extends SeedParameters {
  readonly databaseUrl: string;
  /** Deletes every row of every data table first. */
  readonly reset?: boolean;
  /** Called at the start and after each block of 1,000 customers. */
  readonly report?: (progress: SeedProgress) => void;
  /** Stops after the current blocks. */
  readonly signal?: AbortSignal;
}

/** `complete`: there was nothing left to do; `differences` has the tables whose number of rows has changed since. */
export type SeedResult = SeedProgress &
  (
    | { readonly outcome: 'seeded' | 'interrupted' }
    | { readonly outcome: 'complete'; readonly differences: readonly RowDifference[] }
  );

/** While one's statement runs, the other generates rows; more were no faster on two cores. */
const WRITERS = 2;

/**
 * Fills a migrated database with customers and everything that belongs to them. The same parameters give the same rows on every
 * server. An interrupted run continues where it stopped, since each block of 1,000 customers is one transaction that also
 * records itself in `_seed_progress`. Memory use does not depend on the number of customers.
 * @throws CliError when the database has other rows or a seed with other parameters, or cannot be reached
 */
export async function seedDatabase(options: SeedOptions): Promise<SeedResult> {
  const { customers, ordersPerCustomer, seed } = options;
  const parameters = { customers, ordersPerCustomer, seed };
  await using control = await openDisposable(options.databaseUrl);
  if (options.reset === true) await resetTables(control.connection);
  const done = await prepare(control.connection, parameters);
  const pending = Array.from({ length: blockCount(parameters) }, (_, index) => index).filter(
    (index) => !done.has(index),
  );
  const run: Run = {
    options,
    parameters,
    catalogue: createCatalogue(parameters),
    pending,
    customersDone: customers - pending.reduce((sum, index) => sum + customersInBlock(parameters, index), 0),
    rows: 0,
    failed: false,
  };
  options.report?.({ customersDone: run.customersDone, customers, rows: 0 });
  const left = pending.length;
  const ends = await Promise.allSettled(Array.from({ length: Math.min(WRITERS, left) }, () => writePending(run)));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  const { customersDone, rows } = run;
  if (left === 0) {
    const differences = await countDifferences(control.connection, { parameters, blocks: done });
    return { outcome: 'complete', customersDone, customers, rows, differences };
  }
  if (run.pending.length > 0) return { outcome: 'interrupted', customersDone, customers, rows };
  // Otherwise early query plans would be based on the statistics of empty tables.
  await control.connection.query(`ANALYZE LOCAL TABLE ${DATA_TABLES.join(', ')}`);
  return { outcome: 'seeded', customersDone, customers, rows };
}

interface Run {
  readonly options: SeedOptions;
  readonly parameters: SeedParameters;
  readonly catalogue: Catalogue;
  /** Blocks that no writer has taken yet. */
  readonly pending: number[];
  customersDone: number;
  rows: number;
  failed: boolean;
}

async function openDisposable(databaseUrl: string) {
  const connection = await openConnection(databaseUrl);
  return { connection, [Symbol.asyncDispose]: () => connection.end() };
}

/** Checks whose rows are there, and starts the seed unless it was started before. Returns the completed blocks. */
async function prepare(connection: Connection, parameters: SeedParameters): Promise<ReadonlySet<number>> {
  const state = await readSeedState(connection);
  if (state !== undefined) {
    assertSameParameters(state.parameters, parameters);
    if (state.blocks.size < blockCount(parameters)) await assertOnlySeedRows(connection, state);
    return state.blocks;
  }
  await assertEmpty(connection);
  await createProgressTable(connection);
  await inTransaction(connection, async () => {
    await recordStart(connection, parameters);
    const writer = createRowWriter(connection);
    createCatalogue(parameters, writer);
    await writer.flush();
  });
  return new Set();
}

async function writePending(run: Run): Promise<void> {
  await using own = await openDisposable(run.options.databaseUrl);
  try {
    while (!run.failed && run.options.signal?.aborted !== true) {
      const index = run.pending.shift();
      if (index === undefined) return;
      const written = await writeOne(own.connection, run, index);
      run.rows += written;
      run.customersDone += customersInBlock(run.parameters, index);
      const { customersDone, rows } = run;
      run.options.report?.({ customersDone, customers: run.parameters.customers, rows });
    }
  } catch (error) {
    run.failed = true;
    throw error;
  }
}

/** Returns how many rows were written. */
async function writeTerms(connection: Connection, { firstCustomerId, orders }: Block): Promise<number> {
  const within = (column: string) => `${column} BETWEEN ${firstCustomerId} AND ${firstCustomerId + orders.length - 1}`;
  const { affectedRows } = await connection.query<UpsertResult>(termsInsert(within));
  return affectedRows;
}

async function writeOne(connection: Connection, run: Run, index: number): Promise<number> {
  try {
    return await inTransaction(connection, async () => {
      await recordBlock(connection, index);
      const writer = createRowWriter(connection);
      const block = planBlock(run.parameters, index);
      await writeBlock(block, writer, run.catalogue);
      await writer.flush();
      return writer.rows + (await writeTerms(connection, block));
    });
  } catch (error) {
    if (errorNumber(error) !== SERVER_ERRORS.DUP_ENTRY) throw error;
    // Either another process has written this block meanwhile, or a row from elsewhere has one of its keys.
    const state = await readSeedState(connection);
    if (state?.blocks.has(index) === true) return 0;
    throw foreignRows(Error.isError(error) ? error.message.replace(/\nsql:[^]*/, '') : String(error));
  }
}
