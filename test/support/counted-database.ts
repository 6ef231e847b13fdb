import { createDatabase, startOwnServers, type TestDatabase } from './servers.ts';

/**
 * Creates a database whose rows can be counted when read. MariaDB counts for the whole server, so it gets one that nobody else uses;
 * MySQL counts per connection. If TEST_DATABASE_URL names a MariaDB, run with `--runInBand`.
 */
export async function createCountedDatabase(): Promise<TestDatabase> {
  if (process.env['TEST_DATABASE_URL'] !== undefined) return createDatabase();
  const own = await startOwnServers();
  return { url: own.database.url, drop: own.close };
}
