import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import { applyMigrations } from '../db/migrate.ts';
import { demo, searchFolders, startEmbeddedServers, type EmbeddedServers } from '../embedded/index.ts';
import type { CliContext } from './context.ts';
import { migrationsFolder } from './migrations-folder.ts';

/** The servers that a command works with: those of the settings, or the demo's own. */
export interface Servers {
  readonly databaseUrl: string;
  /** None: there is no Redis. */
  readonly redisUrls: readonly string[];
  /** Undefined when both come from the settings. */
  readonly embedded: EmbeddedServers | undefined;
}

/**
 * Takes the servers of the settings and starts the demo's for those that are not set; never in production, where
 * parseConfig has asked for a database.
 * @param redis whether a Redis is wanted too
 */
export async function findServers(
  config: Config,
  cli: CliContext,
  { redis, report }: { redis: boolean; report: (line: string) => void },
): Promise<Servers> {
  const needsDatabase = config.databaseUrl === undefined;
  const needsRedis = redis && config.redisUrls.length === 0 && config.cache.enabled;
  const embedded =
    config.environment !== 'production' && (needsDatabase || needsRedis)
      ? await startEmbeddedServers({
          ...demo,
          dataDir: config.dataDir === undefined ? demo.dataDir : resolve(config.dataDir),
          database: needsDatabase,
          redis: needsRedis,
          folders: searchFolders(cli.env['PATH']),
          report,
          signal: cli.signal,
        })
      : undefined;
  const databaseUrl = config.databaseUrl ?? embedded?.databaseUrl;
  if (databaseUrl === undefined) throw new Error('no database was set or started');
  const redisUrls = embedded?.redisUrl === undefined ? config.redisUrls : [embedded.redisUrl];
  return { databaseUrl, redisUrls, embedded };
}

/** Runs a command against a migrated database and stops what was started for it. */
export async function withDatabase(
  config: Config,
  cli: CliContext,
  command: (databaseUrl: string) => Promise<number>,
): Promise<number> {
  const report = (line: string): void => void cli.stdout.write(`${line}\n`);
  const { databaseUrl, embedded } = await findServers(config, cli, { redis: false, report });
  try {
    await applyMigrations({ databaseUrl, folder: migrationsFolder, report });
    return await command(databaseUrl);
  } finally {
    await embedded?.stop();
  }
}
