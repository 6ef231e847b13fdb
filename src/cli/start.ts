import { createApp } from '../app.ts';
import { parseConfig, type Config } from '../config.ts';
import { seedDatabase } from '../data/seed/seed-database.ts';
import { applyMigrations } from '../db/migrate.ts';
import { createLog } from '../telemetry/log.ts';
import { UserError } from '../user-error.ts';
import type { CliContext } from './context.ts';
import { findServers, type Servers } from './database.ts';
import { migrationsFolder } from './migrations-folder.ts';

/** The seed that `npm start` loads into a database of its own. */
export const DEMO = { customers: 2_000, ordersPerCustomer: 5, seed: 1 } as const;
const UNAVAILABLE_EXIT_CODE = 69;

/**
 * `npm start`: finds or starts the servers, migrates, loads demo data into an embedded database, and serves until it
 * is told to stop.
 * @returns the exit code, 0 after a graceful stop
 * @throws ConfigError for wrong settings; UserError for what the user can mend
 */
export async function runStart(cli: CliContext): Promise<number> {
  const config = parseConfig(cli.env);
  const report = (line: string): void => void cli.stdout.write(`${line}\n`);
  const servers = await findServers(config, cli, { redis: true, report });
  try {
    await applyMigrations({ databaseUrl: servers.databaseUrl, folder: migrationsFolder, report });
    if (config.databaseUrl === undefined) await loadDemo(servers.databaseUrl, cli, report);
    return await serve({ ...config, ...servers }, cli, report);
  } finally {
    await servers.embedded?.stop();
  }
}

async function serve(config: Config & Servers, cli: CliContext, report: (line: string) => void): Promise<number> {
  const readable = config.environment !== 'production' && cli.stdout.isTTY;
  const log = createLog({ level: config.logLevel, readable, destination: cli.stdout });
  const app = await createApp(config, { log });
  try {
    const port = await app.listen().catch((error: unknown) => {
      throw addressError(error, config);
    });
    const base = `http://${config.host === '127.0.0.1' ? 'localhost' : config.host}:${port}`;
    if (config.redisUrls.length === 0) report('No Redis: answers are not cached (REDIS_URL).');
    report('Nobody has to sign in: every caller may do everything. Do not open this to a network.');
    report(
      `\nConcierge answers at\n  ${base}/graphql         GraphQL; in a browser, GraphiQL\n  ${base}/schema.graphql  the schema\n  ${base}/health/ready    what is up\n  ${base}/metrics         for Prometheus\nStop with Ctrl-C.`,
    );
    const reason = await Promise.race([stopSignal(cli.signal), config.embedded?.died ?? stopSignal(cli.signal)]);
    if (reason !== undefined) throw new UserError(reason, { exitCode: UNAVAILABLE_EXIT_CODE });
    report('Stopping: requests under way may finish.');
    return 0;
  } finally {
    await app.close();
  }
}

function stopSignal(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** Demo data, once; a database that holds rows of the user's own is left as it is. */
async function loadDemo(databaseUrl: string, { signal }: CliContext, report: (line: string) => void): Promise<void> {
  try {
    const seeding = seedDatabase({ ...DEMO, databaseUrl, signal });
    const { outcome, rows } = await seeding;
    if (outcome === 'seeded') report(`Loaded demo data: ${DEMO.customers} customers, ${rows} rows in all.`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    report('The database holds data other than the demo; it is left as it is.');
  }
}

function addressError(error: unknown, { host, port }: Config): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const expected = `HOST and PORT: expected an address of this machine that is free, got ${host}:${port}`;
  if (code === 'EADDRINUSE')
    return new UserError(`${expected}, which another program uses`, { exitCode: UNAVAILABLE_EXIT_CODE, cause: error });
  if (code === 'EACCES') return new UserError(`${expected}, which needs more rights`, { exitCode: 77, cause: error });
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new UserError(`${expected}, which is not of this machine`, {
      exitCode: UNAVAILABLE_EXIT_CODE,
      cause: error,
    });
  return error;
}
