import { mkdtemp, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../config.ts';
import { applyMigrations } from '../db/migrate.ts';
import { createFolder } from '../embedded/create-folder.ts';
import { demo, searchFolders, startEmbeddedServers, unusableFolder } from '../embedded/index.ts';
import { explainDatabase, mayBeginName } from '../explain/explain-database.ts';
import { jsonReport, tableReport } from '../explain/report.ts';
import { quoted } from '../errors.ts';
import { createSchema } from '../graphql/schema.ts';
import { CliError, EXIT } from '../cli-error.ts';
import type { CliContext } from './context.ts';
import { migrationsFolder } from './migrations-folder.ts';
import { parseSeedOptions, runSeed } from './seed.ts';

/** The options as typed. */
export interface ExplainOptions {
  readonly customers?: string | undefined;
  readonly json?: boolean | undefined;
  readonly only?: string | undefined;
}

const OUT_OF_BOUNDS_EXIT_CODE = 1;
const CUSTOMERS = '2000';
/** Fewer than by default: orders are half of what is seeded, and fewer suffice to check the bounds of their lists. */
const ORDERS_PER_CUSTOMER = '2';

/**
 * `npm run explain`: reports on `cli.stdout` what the server does for every statement that the schema can cause; everything
 * else goes to `cli.stderr`. Only reads the database of DATABASE_URL; without one, seeds a temporary database and removes it.
 * @returns the exit code: 0 when every statement is within its bounds, 1 when one is not, 130 when interrupted
 * @throws CliError (64) for wrong options; SERVICE_UNAVAILABLE when the database cannot be reached
 */
export async function runExplain(options: ExplainOptions, config: Config, cli: CliContext): Promise<number> {
  if (!mayBeginName(createSchema(), options.only ?? '')) throw noSuchStatement(options.only);
  const { databaseUrl } = config;
  if (databaseUrl === undefined) {
    const seed = parseSeedOptions({
      customers: options.customers ?? CUSTOMERS,
      ordersPerCustomer: ORDERS_PER_CUSTOMER,
    });
    return withOwnDatabase(config, cli, async (url) => {
      const code = await runSeed(seed, { ...cli, stdout: cli.stderr }, url);
      return code === 0 ? explain(url, { options, cli, config }) : code;
    });
  }
  if (options.customers !== undefined)
    throw new CliError('--customers: expected DATABASE_URL not to be set, since its own rows are used, got one', {
      exitCode: EXIT.usage,
    });
  return explain(databaseUrl, { options, cli, config });
}

async function explain(
  databaseUrl: string,
  { options, cli, config }: { options: ExplainOptions; cli: CliContext; config: Config },
): Promise<number> {
  const entries = await explainDatabase({
    databaseUrl,
    schema: createSchema(),
    times: { statementMs: config.limits.statementMs, waitMs: config.limits.databaseWaitMs },
    only: options.only ?? '',
    signal: cli.signal,
  });
  if (entries.length === 0) throw noSuchStatement(options.only);
  cli.stdout.write(options.json === true ? jsonReport(entries) : tableReport(entries));
  return entries.every(({ problems }) => problems.length === 0) ? 0 : OUT_OF_BOUNDS_EXIT_CODE;
}

const noSuchStatement = (only: string | undefined): CliError =>
  new CliError(`--only: expected what a statement's name begins with, such as Customer.orders, got ${quoted(only)}`, {
    exitCode: EXIT.usage,
  });

async function createOwnFolder(parent: string): Promise<string> {
  try {
    await createFolder(parent);
    return await mkdtemp(join(parent, 'explain-'));
  } catch (error) {
    throw unusableFolder(parent, error);
  }
}

/** Runs a command on a migrated, temporary database of its own, and removes it. */
async function withOwnDatabase(
  config: Config,
  cli: CliContext,
  command: (databaseUrl: string) => Promise<number>,
): Promise<number> {
  const report = (line: string): void => void cli.stderr.write(`${line}\n`);
  const parent = config.dataDir === undefined ? dirname(demo.dataDir) : resolve(config.dataDir);
  const dataDir = await createOwnFolder(parent);
  try {
    const { databaseUrl, stop } = await startEmbeddedServers({
      dataDir,
      serversDir: demo.serversDir,
      database: true,
      redis: false,
      databaseName: demo.databaseName,
      throwAway: true,
      folders: searchFolders(cli.env['PATH']),
      report,
      signal: cli.signal,
    });
    try {
      if (databaseUrl === undefined) throw new Error('no database was started');
      await applyMigrations({ databaseUrl, folder: migrationsFolder, report });
      return await command(databaseUrl);
    } finally {
      await stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
