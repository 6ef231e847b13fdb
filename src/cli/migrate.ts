import type { Config } from '../config.ts';
import type { CliContext } from './context.ts';
import { withServers } from './database.ts';

/**
 * Migrates the database in DATABASE_URL, or else the demo's embedded one, to this version.
 * @returns the exit code, 0
 * @throws CliError when it fails, see `withServers`
 */
export async function runMigrate(config: Config, cli: CliContext): Promise<number> {
  return withServers({ config, cli }, async ({ migrations: { applied, already } }) => {
    const text = applied.length === 0 ? `Nothing to apply: ${already} applied before.` : `Applied ${applied.length}.`;
    cli.stdout.write(`${text}\n`);
    return 0;
  });
}
