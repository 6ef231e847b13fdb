import { spawn } from 'node:child_process';
import { expect } from '@jest/globals';
import { runSeed, type SeedArguments } from '../../src/cli/seed.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { captureCli } from './captured-cli.ts';

const opened: TestDatabase[] = [];

/** The URL of a new database, until `dropDatabases` is called. */
export async function freshDatabase(): Promise<string> {
  const database = await createDatabase();
  opened.push(database);
  return database.url;
}

export async function dropDatabases(): Promise<void> {
  for (const database of opened.splice(0)) await database.drop();
}

export const seedArguments = (given: Partial<SeedArguments> & { customers: number }): SeedArguments => ({
  ordersPerCustomer: 5,
  seed: 1,
  reset: false,
  ...given,
});

/** Seeds, and gives what the command prints. */
export async function seed(
  databaseUrl: string,
  given: Partial<SeedArguments> & { customers: number },
): Promise<string> {
  const { cli, output } = captureCli();
  expect(await runSeed(seedArguments(given), cli, databaseUrl)).toBe(0);
  return output();
}

/** Seeds in a separate process, which can be killed or limited in memory. */
export function seedProcess(databaseUrl: string, given: { customers: number; nodeOptions?: readonly string[] }) {
  const program = `
    import { seedDatabase } from ${JSON.stringify(new URL('../../src/data/seed/seed-database.ts', import.meta.url).href)};
    await seedDatabase({
      databaseUrl: ${JSON.stringify(databaseUrl)}, customers: ${given.customers}, ordersPerCustomer: 5, seed: 1,
      report: ({ customersDone }) => console.log(customersDone),
    });`;
  return spawn(process.execPath, [...(given.nodeOptions ?? []), '--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Jest's own options would load its module system into the child.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
}
