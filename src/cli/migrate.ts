import { parseConfig } from '../config.ts';
import { applyMigrations } from '../db/migrate.ts';
import type { CliContext } from './context.ts';
import { findServers } from './database.ts';
import { migrationsFolder } from './migrations-folder.ts';

/**
 * Brings the tables of the database in DATABASE_URL, or else of the demo's embedded database, to this version.
 * @returns the exit code, 0
 * @throws ConfigError for wrong settings; UserError when it cannot, see `applyMigrations` and `startEmbeddedServers`
 */
export async function runMigrate(cli: CliContext): Promise<number> {
  const report = (line: string): void => void cli.stdout.write(`${line}\n`);
  const { databaseUrl, embedded } = await findServers(parseConfig(cli.env), cli, { redis: false, report });
  try {
    const { applied, already } = await applyMigrations({ databaseUrl, folder: migrationsFolder, report });
    report(applied.length === 0 ? `Nothing to apply: ${already} applied before.` : `Applied ${applied.length}.`);
    return 0;
  } finally {
    await embedded?.stop();
  }
}
