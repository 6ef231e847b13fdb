import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createEmptyDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { runCommand } from './command.ts';
import { startProcess } from './gateway-process.ts';

const fixture = join(import.meta.dirname, '../fixtures/crm');

let database: TestDatabase;
let created: string;
let temporary: Awaited<ReturnType<typeof createTemporaryFolder>>;

beforeAll(async () => {
  [database, temporary] = await Promise.all([createEmptyDatabase(), createTemporaryFolder()]);
  created = `Created the database "${new URL(database.url).pathname.slice(1)}", which was not there.`;
});
afterAll(() => Promise.all([database.drop(), temporary.remove()]));

describe('a missing database is created, and that is reported, by', () => {
  test.each([
    ['migrate', []],
    ['seed', ['--customers', '1']],
    ['import', [fixture, '--mapping', join(fixture, 'mapping.yaml'), '--rejects']],
  ])('%s', async (command, options) => {
    await database.drop();
    const args = [command, ...options, ...(command === 'import' ? [temporary.path] : [])];
    const first = await runCommand(args, { DATABASE_URL: database.url });
    expect([first.code, first.stdout.split('\n')[0]]).toEqual([0, created]);
    const again = await runCommand(args, { DATABASE_URL: database.url });
    expect([again.code, again.stdout.includes('Created the')]).toEqual([0, false]);
  });

  test('no other command: verify says that it does not exist', async () => {
    await database.drop();
    const { host, pathname } = new URL(database.url);
    const { code, stdout, stderr } = await runCommand(['verify'], { DATABASE_URL: database.url });
    expect([code, stdout]).toEqual([69, '']);
    expect(stderr).toBe(
      `There is no database ${pathname.slice(1)} on ${host}. Create it with npm run migrate, or name another in DATABASE_URL\n`,
    );
  });

  test('start', async () => {
    await database.drop();
    const gateway = startProcess({ DATABASE_URL: database.url, REDIS_URL: redisUrl() });
    await gateway.address;
    gateway.kill('SIGTERM');
    const { code, stdout } = await gateway.ended;
    expect([code, stdout.split('\n')[0]]).toEqual([0, created]);
  });
});
