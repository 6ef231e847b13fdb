import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import { applyMigrations, type MigrateResult } from '../db/migrate.ts';
import { FolderLockedError } from '../embedded/folder-lock.ts';
import { assertNotInUse, demo, searchFolders, startEmbeddedServers, type EmbeddedServers } from '../embedded/index.ts';
import { CliError, EXIT } from '../cli-error.ts';
import type { CliContext } from './context.ts';
import { migrationsFolder } from './migrations-folder.ts';

/** The servers a command works with: those from the settings, or the demo's embedded ones. */
export interface Servers {
  readonly databaseUrl: string;
  /** Empty when there is no Redis. */
  readonly redisUrls: readonly string[];
  /**
   * Whether only Redis is embedded, so that other gateways on this database do not learn of this one's writes. If both servers
   * are embedded, other gateways may use both: whoever finds the folder in use is told their addresses.
   */
  readonly redisIsPrivate: boolean;
  /** Undefined when both servers come from the settings. */
  readonly embedded: EmbeddedServers | undefined;
  /** The result of migrating the database to this version. */
  readonly migrations: MigrateResult;
}

/**
 * Runs a command on a migrated database with the servers from the settings, and embedded ones for those that are not set. Stops
 * afterwards what it started.
 * @param options.migrates whether to migrate the database first; default true
 * @param options.report takes a line about what was done, or may be wrong; by default, prints it on `cli.stdout`
 * @param options.redis whether Redis is needed too; default false
 * @param options.createsDatabase whether to create a missing database from the settings; default true
 * @returns the command's exit code
 * @throws CliError when a server is unavailable or another process uses the data folder (69), see `applyMigrations` and
 *   `startEmbeddedServers`
 */
export async function withServers(
  options: {
    config: Config;
    cli: CliContext;
    redis?: boolean;
    createsDatabase?: boolean;
    migrates?: boolean;
    report?: (line: string) => void;
  },
  command: (servers: Servers) => Promise<number>,
): Promise<number> {
  const { config, cli, redis = false, createsDatabase = true, migrates = true } = options;
  const { report = (line: string): void => void cli.stdout.write(`${line}\n`) } = options;
  const migrate = async (databaseUrl: string): Promise<MigrateResult> =>
    migrates
      ? applyMigrations({ databaseUrl, createsDatabase, folder: migrationsFolder, report })
      : { applied: [], already: 0 };
  const { databaseUrl: given } = config;
  if (given !== undefined && needsRedis(config, redis))
    await assertNotInUse(dataDirOf(config)).catch((error: unknown) => {
      throw inUseError(error, config);
    });
  // Done first, so that a problem with this database is reported before those of finding or fetching embedded servers.
  const migrated = given === undefined ? undefined : await migrate(given);
  const embedded = await startMissing(config, cli, { redis, report });
  try {
    const databaseUrl = given ?? embedded?.databaseUrl;
    if (databaseUrl === undefined) throw new Error('no database was set or started');
    const redisUrls = embedded?.redisUrl === undefined ? config.redisUrls : [embedded.redisUrl];
    const migrations = migrated ?? (await migrate(databaseUrl));
    const redisIsPrivate = given !== undefined && embedded?.redisUrl !== undefined;
    return await command({ databaseUrl, redisUrls, redisIsPrivate, embedded, migrations });
  } finally {
    await embedded?.stop();
  }
}

/** Whether to start an embedded Redis. */
const needsRedis = ({ environment, redisUrls, cache }: Config, isWanted: boolean): boolean =>
  isWanted && redisUrls.length === 0 && cache.enabled && environment !== 'production';

/** If another process uses the data folder, an error that says what to do (exit code 69); otherwise the same error. */
function inUseError(error: unknown, config: Config): unknown {
  if (!(error instanceof CliError && error.cause instanceof FolderLockedError)) return error;
  const message =
    config.databaseUrl === undefined
      ? error.message
      : `Without REDIS_URL, the gateway needs a Redis of its own in ${dataDirOf(config)}, which process ` +
        `${error.cause.pid} uses: set REDIS_URL, CACHE_ENABLED=false or another DATA_DIR`;
  return new CliError(message, { exitCode: EXIT.unavailable, cause: error });
}

const dataDirOf = ({ dataDir }: Config): string => (dataDir === undefined ? demo.dataDir : resolve(dataDir));

/** Starts embedded servers for those that are not set; never in production, where parseConfig requires a DATABASE_URL. */
async function startMissing(
  config: Config,
  cli: CliContext,
  { redis, report }: { redis: boolean; report: (line: string) => void },
): Promise<EmbeddedServers | undefined> {
  const needsDatabase = config.databaseUrl === undefined;
  const needsOwnRedis = needsRedis(config, redis);
  if (config.environment === 'production' || !(needsDatabase || needsOwnRedis)) return undefined;
  return startEmbeddedServers({
    ...demo,
    dataDir: dataDirOf(config),
    database: needsDatabase,
    redis: needsOwnRedis,
    folders: searchFolders(cli.env['PATH']),
    report,
    signal: cli.signal,
  }).catch((error: unknown) => {
    throw inUseError(error, config);
  });
}
