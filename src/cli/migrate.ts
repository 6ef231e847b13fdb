import { fileURLToPath } from 'node:url';
import { parseConfig } from '../config.ts';
import { applyMigrations } from '../db/migrate.ts';
import { demo, searchFolders, startEmbeddedServers } from '../embedded/index.ts';
import type { CliContext } from './context.ts';

/** The migrations that come with this version. */
export const migrationsFolder = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));

/**
 * Brings the tables of the database in DATABASE_URL, or else of the demo's embedded database, to this version.
 * @returns the exit code, 0
 * @throws ConfigError for wrong settings; UserError when it cannot, see `applyMigrations` and `startEmbeddedServers`
 */
export async function runMigrate(cli: CliContext): Promise<number> {
  const report = (line: string): void => void cli.stdout.write(`${line}\n`);
  const { databaseUrl } = parseConfig(cli.env);
  const embedded =
    databaseUrl === undefined
      ? await startEmbeddedServers({
          ...demo,
          database: true,
          redis: false,
          folders: searchFolders(cli.env['PATH']),
          report,
          signal: cli.signal,
        })
      : undefined;
  try {
    const url = databaseUrl ?? embedded?.databaseUrl;
    if (url === undefined) throw new Error('embedded servers were started without a database');
    const { applied, already } = await applyMigrations({ databaseUrl: url, folder: migrationsFolder, report });
    report(applied.length === 0 ? `Nothing to apply: ${already} applied before.` : `Applied ${applied.length}.`);
    return 0;
  } finally {
    await embedded?.stop();
  }
}
