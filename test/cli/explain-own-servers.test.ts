import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { runCommand } from './command.ts';

describe('npm run explain without DATABASE_URL', () => {
  test('reports a folder that cannot be written to in one line', async () => {
    const { code, stdout, stderr } = await runCommand(['explain'], { DATA_DIR: '/dev/null/data' });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^The embedded servers need a writable folder, and \/dev\/null\/data is not one .*\n$/);
  });

  test('refuses a name that no statement begins with before it starts anything', async () => {
    const { code, stdout, stderr } = await runCommand(['explain', '--only', 'Nope'], { DATA_DIR: '/dev/null/data' });
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toBe('--only: expected what a statement\'s name begins with, such as Customer.orders, got "Nope"\n');
  });

  test('seeds a database of its own, prints nothing but the report to stdout, and leaves nothing behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'concierge-explain-'));
    const options = ['--customers', '300', '--only', 'Agent.customers count'];
    const { code, stdout, stderr } = await runCommand(['explain', ...options], { DATA_DIR: folder });
    expect([code, stderr]).toEqual([0, expect.stringContaining('Seeded 300 customers')]);
    expect(stdout).toMatch(/^statement +asked for +index/);
    expect(stdout).toMatch(/^All are within their limits\.$/m);
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });
});
