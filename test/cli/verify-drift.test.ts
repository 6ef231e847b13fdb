import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { runVerify } from '../../src/cli/verify.ts';
import { captureCli } from './captured-cli.ts';
import { createConsistentDatabase, type ConsistentDatabase } from './consistent-database.ts';
import { OTHERS } from './other-drifts.ts';
import { REPAIRABLE } from './repairable-drifts.ts';

let database: ConsistentDatabase;
let pristine: string;

beforeAll(async () => {
  database = await createConsistentDatabase();
  pristine = await database.contents();
});

afterEach(() => database.restore());

afterAll(() => database.drop());

/** Runs the command; returns its lines about drifts, sorted. */
async function verify(options: { repair?: boolean } = {}): Promise<{ code: number; lines: string[] }> {
  const { cli, output } = captureCli();
  const code = await runVerify(options, cli, database.url);
  const lines = output()
    .split('\n')
    .filter((line) => line.includes(': expected '));
  return { code, lines: lines.sort() };
}

test('nothing is found in consistent data', async () => {
  expect(await verify()).toEqual({ code: 0, lines: [] });
  expect(await verify({ repair: true })).toEqual({ code: 0, lines: [] });
  expect(await database.contents()).toBe(pristine);
});

describe.each(REPAIRABLE)('%s', (_, statements, lines) => {
  test('is found, and repaired with --repair, and nothing else changes', async () => {
    await database.run(statements);
    const planted = await database.contents();
    expect(await verify()).toEqual({ code: 1, lines });
    expect(await database.contents()).toBe(planted);

    expect(await verify({ repair: true })).toEqual({ code: 1, lines: lines.map((line) => `${line} (repaired)`) });
    expect(await database.contents()).toBe(pristine);
  });
});

describe.each(OTHERS)('%s', (_, statements, lines) => {
  test('is found, and not repaired', async () => {
    await database.run(statements);
    const planted = await database.contents();
    expect(await verify()).toEqual({ code: 1, lines });
    expect(await verify({ repair: true })).toEqual({ code: 1, lines });
    expect(await database.contents()).toBe(planted);
  });
});
