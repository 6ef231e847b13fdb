import { execFile, spawn } from 'node:child_process';
import { mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openConnection } from '../../src/data/connection.ts';
import { createRejects } from '../../src/data/import/rejects.ts';
import { orGiveUp } from '../support/patience.ts';
import { createDatabase, withConnection, type TestDatabase } from '../support/servers.ts';
import { main, OWN_ENVIRONMENT } from './command.ts';

let database: TestDatabase;
let folder: string;
beforeAll(async () => {
  database = await createDatabase();
  folder = await mkdtemp(join(tmpdir(), 'broken-outputs-'));
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

const ROW = { file: 'a.csv', line: 2, raw: 'x' };
const WHY = { problem: 'wrong', column: 'a' };

test('a full disk ends an import, and the error says what could not be written', async () => {
  const rejects = await createRejects(folder, ['customers']);
  const path = join(folder, 'customers.rejected.csv');
  await symlink('/dev/full', path);
  const all = async () => {
    await rejects.add('customers', ROW, WHY);
    await rejects.close();
  };
  await expect(all()).rejects.toMatchObject({
    exitCode: 74,
    message: `${path} cannot be written: ENOSPC: no space left on device, write`,
  });
});

test('so does a folder that cannot be created', async () => {
  const rejects = await createRejects('/dev/null/rejects', ['customers']).catch((error: unknown) => error);
  expect(rejects).toMatchObject({ exitCode: 74, message: expect.stringContaining('/dev/null/rejects') });
});

test('a connection that is lost between statements is reported by the next one', async () => {
  const connection = await openConnection(database.url);
  await withConnection(database.url, (other) => other.query(`KILL ${connection.threadId}`));
  const next = async () => {
    for (;;) await connection.query('SELECT 1');
  };
  await expect(next()).rejects.toThrow();
});

test('a command whose output nobody reads any more exits as if SIGPIPE had ended it', async () => {
  const child = spawn(process.execPath, [main, 'verify', '--json'], {
    env: { ...OWN_ENVIRONMENT, DATABASE_URL: database.url },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
  });
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const ended = new Promise((resolve) => {
    child.once('close', (code) => resolve(code));
  });
  expect([await orGiveUp('the command to end', ended), said]).toEqual([141, '']);
});

test('a command whose output cannot be written says so', async () => {
  const full = await open('/dev/full', 'w');
  const child = spawn(process.execPath, [main, 'verify', '--json'], {
    env: { ...OWN_ENVIRONMENT, DATABASE_URL: database.url },
    stdio: ['ignore', full.fd, 'pipe'],
    cwd: '/',
  });
  let said = '';
  child.stderr?.on('data', (text: Buffer) => (said += text.toString()));
  const ended = new Promise((resolve) => {
    child.once('close', (code) => resolve(code));
  });
  expect([await orGiveUp('the command to end', ended), said]).toEqual([
    74,
    'The output cannot be written: ENOSPC: no space left on device, write\n',
  ]);
  await full.close();
});

test('.env is refused if a # would cut a password off', async () => {
  const own = await mkdtemp(join(folder, 'env-'));
  const start = (text: string) =>
    new Promise<{ code: unknown; stderr: string }>((resolve) => {
      void writeFile(join(own, '.env'), text).then(() =>
        execFile(process.execPath, [main, 'migrate'], { env: OWN_ENVIRONMENT, cwd: own }, (error, _, stderr) =>
          resolve({ code: error?.code, stderr }),
        ),
      );
    });
  expect(await start('PORT=1\nDATABASE_URL=mysql://u:12#3@host/db\n')).toEqual({
    code: 78,
    stderr: 'DATABASE_URL: expected no # in .env, where it starts a comment; write %23\n',
  });
  // Quoted, or as a comment, it is what it seems.
  expect((await start(`DATABASE_URL="mysql://u:12#3@host/db"\n`)).stderr).toContain('a # that should be %23');
  expect((await start(`DATABASE_URL=${database.url} # ours\n`)).code).toBeUndefined();
});
