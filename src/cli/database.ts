import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import { applyMigrations, type MigrateResult } from '../db/migrate.ts';
import { assertNotInUse, demo, searchFolders, startEmbeddedServers, type EmbeddedServers } from '../embedded/index.ts';
import type { CliContext } from './context.ts';
import { migrationsFolder } from './migrations-folder.ts';

/** The servers that a command works with: those of the settings, or the demo's own. */
export interface Servers {
  readonly databaseUrl: string;
  /** None: there is no Redis. */
  readonly redisUrls: readonly string[];
  /** Whether that Redis is this process's own and the database is not: other gateways of it do not hear of this one. */
  readonly redisIsPrivate: boolean;
  /** Undefined when both come from the settings. */
  readonly embedded: EmbeddedServers | undefined;
  /** How the database was brought to this version. */
  readonly migrations: MigrateResult;
}

/**
 * Runs a command with the servers of the settings, and the demo's own for those that are not set, on a migrated
 * database; stops what was started for it.
 * @param options.migrates whether the database is brought to this version first; default true
 * @param options.redis whether a Redis is wanted too; default false
 * @param options.createsDatabase whether a database of the settings that is not there is created; default true
 * @returns the command's exit code
 * @throws UserError when a server cannot be had, see `applyMigrations` and `startEmbeddedServers`
 */
export async function withServers(
  options: { config: Config; cli: CliContext; redis?: boolean; createsDatabase?: boolean; migrates?: boolean },
  command: (servers: Servers) => Promise<number>,
): Promise<number> {
  const { config, cli, redis = false, createsDatabase = true, migrates = true } = options;
  const report = (line: string): void => void cli.stdout.write(`${line}\n`);
  const migrate = async (databaseUrl: string): Promise<MigrateResult> =>
    migrates
      ? applyMigrations({ databaseUrl, createsDatabase, folder: migrationsFolder, report })
      : { applied: [], already: 0 };
  const { databaseUrl: given } = config;
  if (given !== undefined && needsRedis(config, redis)) await assertNotInUse(dataDirOf(config));
  // First, for what is wrong with it must not hide behind what the demo's own servers, still to be found or fetched, say.
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

/** Whether a Redis of the demo's own is started. */
const needsRedis = ({ environment, redisUrls, cache }: Config, isWanted: boolean): boolean =>
  isWanted && redisUrls.length === 0 && cache.enabled && environment !== 'production';

const dataDirOf = ({ dataDir }: Config): string => (dataDir === undefined ? demo.dataDir : resolve(dataDir));

/** The demo's servers for those that are not set; never in production, where parseConfig has asked for a database. */
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
  });
}
