import { afterAll, beforeAll, expect, test } from '@jest/globals';
import manifest from '../../package.json' with { type: 'json' };
import { freePort } from '../../src/embedded/ports.ts';
import { PATIENT } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, createEmptyDatabase, redisUrl, type TestDatabase } from '../support/servers.ts';
import { startProcess } from './gateway-process.ts';

let database: TestDatabase;
let settings: Readonly<Record<string, string>>;
beforeAll(async () => {
  database = await createDatabase();
  const production = { NODE_ENV: 'production', AUTH_API_KEYS: 'true', CACHE_PREFIX: `${process.pid}:` };
  settings = { ...PATIENT, ...production, DATABASE_URL: database.url };
});
afterAll(() => database.drop());

test.each([true, false])('a start in production prints nothing but JSON (with Redis: %s)', async (hasRedis) => {
  const redis = hasRedis ? { REDIS_URL: redisUrl() } : {};
  const gateway = startProcess({ ...settings, ...redis, SHUTDOWN_DRAIN_MS: '1' });
  const url = await gateway.address;
  gateway.kill('SIGTERM');
  const end = await gateway.ended;
  expect([end.code, end.stderr]).toEqual([0, '']);
  const entries = end.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly level: number; readonly msg: string });
  const warnings = entries.filter(({ level }) => level > 30).map(({ msg }) => msg);
  expect(warnings).toEqual(hasRedis ? [] : [expect.stringMatching(/^No Redis: .* \(REDIS_URL\)\.$/)]);
  expect(entries.slice(hasRedis ? 0 : 1)).toMatchObject([
    {
      ...{ level: 30, msg: 'serving', version: manifest.version, url },
      callers: 'API keys (AUTH_API_KEYS)',
      schema: 'for callers with crm:explore (AUTH_EXPLORE)',
      documents: 'any (TRUSTED_DOCUMENTS)',
      webPages: 'of no other origin (CORS_ORIGINS)',
    },
    {
      level: 30,
      msg: 'Stopping: requests are accepted for another 1 ms, and requests in progress may finish.',
    },
    { level: 30, msg: 'stopped' },
  ]);
});

test('a start in production tells of migrations as JSON, and prints nothing if the log is for errors alone', async () => {
  const [port, fresh] = [await freePort(), await createEmptyDatabase()];
  const own = { ...settings, DATABASE_URL: fresh.url };
  const migrating = startProcess(own);
  await migrating.address;
  migrating.kill('SIGTERM');
  const lines = (await migrating.ended).stdout.trimEnd().split('\n');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 30, msg: expect.stringMatching(/^Applied migration /) });

  const gateway = startProcess({ ...own, PORT: String(port), LOG_LEVEL: 'error' });
  const isReady = () => fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined);
  await until('the gateway to answer', isReady, (response) => response?.status === 200);
  gateway.kill('SIGTERM');
  expect(await gateway.ended).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  await fresh.drop();
});
