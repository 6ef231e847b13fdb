import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { createLog } from '../../src/telemetry/log.ts';
import { startOwnGateway } from '../support/own-gateway.ts';
import { bearing, tokenOf } from '../access/tokens.ts';
import { leaksIn } from '../support/leaks.ts';
import { personalDataIn, rememberValues } from '../support/personal-data.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

// Every gateway that a test starts in its process looks for these in what it logs, and in the metrics that the test reads; every run, at
// its end, in what all gateways, commands and servers have written.
test.each([
  ['an email address', '{"msg":"no customer ada.lovelace+x@mail.example.org"}'],
  ['a telephone number', '{"msg":"taken: +4930123456"}'],
  ['a token', 'authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln'],
  ['an API key', `concierge_${'a1B2'.repeat(12)}`],
  ['a token', 'got: bearer dGhpcyBpcyBubyBKV1Q'],
  ['a value of the database', "Duplicate entry 'C-1001' for key 'customers_external_id_key'"],
  ['variables', '{"query":"{ a }","variables":{"id":1}}'],
  ['variables', String.raw`{"text":"{\"query\":\"{ a }\",\"variables\":{}}"}`],
  ['a name', '{"msg":"no customer Ada Lovelace"}'],
  ['letters of names', '{"msg":"客户 张伟"}'],
])('%s is found', (what, line) => expect(personalDataIn(line)).toBe(what));

test.each([
  '{"level":30,"time":"2026-11-29T23:16:24.537Z","msg":"Redis does not answer","errorId":"0b6e2b4e-4c3c-4a6f-9b0e-0c8d7c6d5e4f"}',
  '    at file:///app/node_modules/@prisma/adapter-mariadb/dist/index.mjs:287:1 → next',
  'concierge_cache_near_evictions_total{reason="invalidated"} 12',
])('nothing is found in %s', (line) => expect(personalDataIn(line)).toBeUndefined());

test('everything that a run has written is searched, with the file and the line, but for a new API key that was asked for', async () => {
  const folder = await createTemporaryFolder();
  try {
    const key = `concierge_${'a1B2'.repeat(12)}`;
    await writeFile(join(folder.path, 'test-a.test.ts-1-1-output.log'), `serving\n${key}\n{"msg":"got ${key}"}\n`);
    await writeFile(join(folder.path, 'test-b.test.ts-1-2-redis.log'), 'ready\r\ngot ada@example.com');
    expect((await leaksIn(folder.path)).toSorted()).toEqual([
      `test-a.test.ts-1-1-output.log:3: an API key: {"msg":"got ${key}"}`,
      'test-b.test.ts-1-2-redis.log:2: an email address: got ada@example.com',
    ]);
  } finally {
    await folder.remove();
  }
});

test('what was sent and answered is found again, but for short texts', () => {
  const exchanged = rememberValues();
  exchanged.note(
    '{ a(text: "Main Street 5") }',
    { input: { list: ['Analytical', 'Ada'] } },
    { a: [{ b: 'Engine 1842' }] },
  );
  const line = 'Main Street 5, Analytical Engine 1842, Ada';
  expect(exchanged.in(line)).toEqual(['Main Street 5', 'Analytical', 'Engine 1842']);
  expect(exchanged.in('Ada')).toEqual([]);
});

test('what headers and tokens say of a caller is found again, but not what logs are to tell', async () => {
  const exchanged = rememberValues();
  const token = await tokenOf({ sub: 'ada lovelace', scope: 'crm:read', iss: 'https://elsewhere.example' });
  exchanged.noteHeaders({ ...bearing(token), Cookie: 'a=1; session=5f7c8ec7', accept: 'application/json' });
  exchanged.note('query AnalyticalEngine { viewer { subject } }');
  exchanged.noteHeaders(bearing('no.token.at all'));
  for (const text of [token, 'ada lovelace', 'session=5f7c8ec7'])
    expect(exchanged.in(`{"msg":"got ${text}"}`)).toEqual([text]);
  expect(exchanged.in('https://elsewhere.example AnalyticalEngine crm:read application/json')).toEqual([]);
});

test('the test of a gateway fails if its log has what was sent to it', async () => {
  const gateway = await startOwnGateway({});
  await gateway.request('query($id: ID!) { node(id: $id) { id } }', { variables: { id: 'a value of a variable' } });
  (gateway.logLines as string[]).push('{"msg":"asked for a value of a variable"}');
  await expect(gateway.close()).rejects.toThrow('expected no personal data in the log');
});

test.each<[string, (error: Error) => unknown]>([
  ['is shortened', (error) => [error.stack, (error.message = 'no such row')]],
  ['is emptied', (error) => [error.stack, (error.message = '')]],
  ['is none', (error) => Object.assign(error, { message: null })],
  ['has no stack', (error) => Object.assign(error, { stack: null })],
])('the log has no line of a message that %s after its stack was made', (_, change) => {
  const lines: string[] = [];
  const destination = new Writable({ write: (line, _encoding, done) => (lines.push(String(line)), done()) });
  const error = new Error('no such row\n    at Ada Lovelace in row 5');
  change(error);
  createLog({ level: 'info', readable: false, destination }).error({ err: error }, 'failed');
  expect(lines).toHaveLength(1);
  expect(lines.join()).not.toContain('Lovelace');
});

test.each<[string, (error: Error) => void, number]>([
  ['', () => undefined, 1],
  // A stack is made of the message when it is first read.
  [', also of one that was changed', (error) => void (error.message = `${error.stack?.length} characters`), 0],
])("the log has no line of an error's message that looks like one of its stack%s", (_, change, least) => {
  const lines: string[] = [];
  const destination = new Writable({ write: (line, _encoding, done) => (lines.push(String(line)), done()) });
  const log = createLog({ level: 'info', readable: false, destination });
  const message = 'no such row\n    at Main Street 5 (file:///Engine:1:2)\n    at Ada Lovelace';
  for (const error of [new Error(message), new RangeError('other', { cause: new TypeError(message) })]) {
    const { cause = error } = error;
    change(cause as Error);
    log.error({ err: error }, 'failed');
  }
  const [plain, wrapped] = lines.map((line) => JSON.parse(line).err);
  for (const { at = [] } of [plain, wrapped.cause]) {
    expect(at.join()).not.toMatch(/Main Street|Lovelace/);
    expect(at.filter((line: string) => line.includes('personal-data.test.ts')).length).toBeGreaterThanOrEqual(least);
  }
});
