import type { Connection } from 'mariadb';
import { CliError, EXIT } from '../../cli-error.ts';
import { errorNumber, SERVER_ERRORS } from '../../db/server-errors.ts';
import { TYPES } from '../../crm/registry.ts';
import { formatCount } from '../progress-report.ts';
import { DATA_TABLES } from '../tables.ts';
import { catalogueSize } from './catalogue.ts';
import { customersInBlock, rowsAfter, type SeedParameters } from './plan.ts';

/** Incremented whenever the same parameters would give other rows, so that no version completes another one's seed. */
const GENERATOR_VERSION = 1;
/** The row for agents and products, which also stores the parameters; blocks start at 1. */
const FIRST_ROW = 0;

const LABELS = {
  customers: '--customers',
  ordersPerCustomer: '--orders-per-customer',
  seed: '--seed',
  generator: 'generator version',
} as const satisfies Record<keyof SeedParameters | 'generator', string>;

/** Which blocks (from 0) are complete; undefined when no seed was started here. */
type SeedState = { readonly parameters: SeedParameters; readonly blocks: ReadonlySet<number> } | undefined;

/** Reads `_seed_progress`, to which each block's transaction adds a row. */
export async function readSeedState(connection: Connection): Promise<SeedState> {
  const rows = await readProgress(connection);
  const first = rows.find((row) => row.block === FIRST_ROW);
  if (first === undefined) return undefined;
  const parameters = JSON.parse(first.parameters ?? '{}') as SeedParameters;
  return { parameters, blocks: new Set(rows.filter((row) => row !== first).map((row) => row.block - 1)) };
}

async function readProgress(connection: Connection) {
  try {
    return await connection.query<{ block: number; parameters: string | null }[]>(
      'SELECT block, parameters FROM _seed_progress',
    );
  } catch (error) {
    if (errorNumber(error) === SERVER_ERRORS.NO_SUCH_TABLE) return [];
    throw error;
  }
}

/** Creates the table; not in a transaction, because CREATE TABLE commits. */
export async function createProgressTable(connection: Connection): Promise<void> {
  await connection.query(
    'CREATE TABLE IF NOT EXISTS _seed_progress (block INT NOT NULL PRIMARY KEY, parameters VARCHAR(500) NULL)',
  );
}

/** Marks the agents and products as written, in the transaction that writes them. */
export async function recordStart(connection: Connection, parameters: SeedParameters): Promise<void> {
  const text = JSON.stringify({ ...parameters, generator: GENERATOR_VERSION });
  await connection.query('INSERT INTO _seed_progress (block, parameters) VALUES (?, ?)', [FIRST_ROW, text]);
}

/** Marks a block before writing its rows: a second process writing the same block waits here, and then finds it done. */
export async function recordBlock(connection: Connection, index: number): Promise<void> {
  await connection.query('INSERT INTO _seed_progress (block) VALUES (?)', [index + 1]);
}

/**
 * Checks that the database is empty.
 * @throws CliError when tables are missing or any of them has a row
 */
export async function assertEmpty(connection: Connection): Promise<void> {
  const filled: string[] = [];
  for (const table of DATA_TABLES) {
    const rows = await connection.query<unknown[]>(`SELECT 1 FROM ${table} LIMIT 1`).catch((error: unknown) => {
      if (errorNumber(error) !== SERVER_ERRORS.NO_SUCH_TABLE) throw error;
      throw new CliError(`There is no table ${table}: run "npm run migrate" first.`, { cause: error });
    });
    if (rows.length > 0) filled.push(table);
  }
  if (filled.length > 0) throw foreignRows(`there are rows in ${filled.join(', ')}`);
}

/**
 * Checks that the seed in the database has the requested parameters.
 * @throws CliError naming what differs
 */
export function assertSameParameters(found: SeedParameters, asked: SeedParameters): void {
  const before: Partial<Record<keyof typeof LABELS, number>> = { ...found };
  const now = { ...asked, generator: GENERATOR_VERSION };
  const names = Object.keys(LABELS) as (keyof typeof LABELS)[];
  const differences = names
    .filter((name) => before[name] !== now[name])
    .map((name) => `${LABELS[name]} was ${before[name]} and is now ${now[name]}`);
  if (differences.length === 0) return;
  throw new CliError(
    `This database holds a seed with other parameters: ${differences.join(', ')}. ` +
      'Give the same ones to continue it, or --reset to delete every row and start over.',
    { exitCode: EXIT.dataError },
  );
}

/** A table that does not have as many rows as the seed has written to it. */
export interface RowDifference {
  readonly table: string;
  readonly written: number;
  readonly found: number;
}

/**
 * Checks that an unfinished seed's tables contain exactly its own rows.
 * @throws CliError naming the tables that differ
 */
export async function assertOnlySeedRows(connection: Connection, state: NonNullable<SeedState>): Promise<void> {
  const differences = await countDifferences(connection, state);
  if (differences.length > 0) throw foreignRows(`the unfinished seed has written ${differencesText(differences)}`);
}

/** `2,000 rows to customers, which has 1,999`, for each table. */
export const differencesText = (differences: readonly RowDifference[]): string =>
  differences
    .map(({ table, written, found }) => `${formatCount(written)} rows to ${table}, which has ${formatCount(found)}`)
    .join('; ');

/** Compares the numbers of rows with those that a seed's completed blocks have written, by table. */
export async function countDifferences(
  connection: Connection,
  state: NonNullable<SeedState>,
): Promise<readonly RowDifference[]> {
  const expected = new Map<string, number>(Object.entries(catalogueSize(state.parameters)));
  for (const index of state.blocks) {
    const own = rowsAfter(customersInBlock(state.parameters, index), state.parameters.ordersPerCustomer);
    for (const [type, rows] of Object.entries(own)) expected.set(type, (expected.get(type) ?? 0) + rows);
  }
  const differences: RowDifference[] = [];
  for (const {
    table: { name: table, type },
  } of TYPES) {
    const written = expected.get(type) ?? 0;
    const [row] = await connection.query<{ count: bigint }[]>(`SELECT COUNT(*) AS count FROM ${table}`);
    const found = Number(row?.count);
    if (found !== written) differences.push({ table, written, found });
  }
  return differences;
}

/** The error for a database that has rows from elsewhere. */
export function foreignRows(detail: string): CliError {
  return new CliError(
    `This database holds data that is not this seed's (${detail}). Nothing was changed. ` +
      'Give another database, or --reset to delete every row in it first.',
    { exitCode: EXIT.dataError },
  );
}

/** Empties every data table. Drops the progress table first, so that an interrupted reset is not taken for a finished seed. */
export async function resetTables(connection: Connection): Promise<void> {
  await connection.query('DROP TABLE IF EXISTS _seed_progress');
  for (const table of DATA_TABLES) await connection.query(`TRUNCATE TABLE ${table}`);
}
