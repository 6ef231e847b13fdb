import { once } from 'node:events';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { runSeed } from '../../src/cli/seed.ts';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { orGiveUp, pause } from '../support/patience.ts';
import { createDatabase } from '../support/servers.ts';
import { captureCli } from './captured-cli.ts';
import { dropDatabases, freshDatabase, seed, seedArguments, seedProcess } from './seeding.ts';
import { contentsHash, contradictions, rowCounts } from './table-contents.ts';

afterEach(dropDatabases);

describe('a seed', () => {
  /** Not a multiple of the block size. */
  const MANY = 2_300;
  let whole: string;
  beforeAll(async () => {
    const database = await createDatabase();
    await seed(database.url, { customers: MANY });
    whole = await contentsHash(database.url);
    await database.drop();
  });

  test('that was interrupted continues, and ends with the same rows as one that was not', async () => {
    const parts = await freshDatabase();
    const { cli, interrupt } = captureCli();
    const run = seedDatabase({
      ...seedArguments({ customers: MANY }),
      databaseUrl: parts,
      signal: cli.signal,
      report: ({ customersDone }) => customersDone > 0 && interrupt(),
    });
    expect((await run).outcome).toBe('interrupted');
    const between = await rowCounts(parts);
    expect(between['customers']).toBeLessThan(MANY);
    expect(await contradictions(parts)).toEqual([]);

    expect(await runSeed(seedArguments({ customers: MANY }), captureCli().cli, parts)).toBe(0);
    expect(await contentsHash(parts)).toBe(whole);
  });

  test('whose process was killed continues, and ends with the same rows as one that was not', async () => {
    const parts = await freshDatabase();
    const child = seedProcess(parts, { customers: MANY });
    const ended = once(child, 'exit');
    // Two reports: the start and the first block; the others are still being written.
    for (
      let lines = '';
      lines.split('\n').length < 3;
      lines += String((await orGiveUp('a report', once(child.stdout, 'data')))[0])
    )
      continue;
    await pause(50);
    child.kill('SIGKILL');
    await ended;

    await seed(parts, { customers: MANY });
    expect(await contentsHash(parts)).toBe(whole);
  });

  test('that two processes write at once is written once', async () => {
    const shared = await freshDatabase();
    const { cli, interrupt } = captureCli();
    // Started and stopped before the first block, so that both continue it.
    await seedDatabase({
      ...seedArguments({ customers: MANY }),
      databaseUrl: shared,
      signal: cli.signal,
      report: interrupt,
    });
    await Promise.all([seed(shared, { customers: MANY }), seed(shared, { customers: MANY })]);
    expect(await contentsHash(shared)).toBe(whole);
  });

  test('needs no more memory for more customers', async () => {
    const url = await freshDatabase();
    // The rows of 12,000 customers are 60 MB of text.
    const child = seedProcess(url, { customers: 12_000, nodeOptions: ['--max-old-space-size=56'] });
    child.stdout.resume();
    expect(await orGiveUp('the process to end', once(child, 'exit'))).toEqual([0, null]);
    expect((await rowCounts(url))['customers']).toBe(12_000);
  });
});
