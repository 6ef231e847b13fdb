import { expect, test } from '@jest/globals';
import { startProcess } from '../cli/gateway-process.ts';
import { until } from '../support/patience.ts';
import { createDatabase } from '../support/servers.ts';

/** Has a process throw, and then reject, where nobody catches it. */
const FAULT = `process.on('SIGUSR2', () => {
  Promise.reject(new Error('sec' + 'ret'));
  throw new TypeError('sec' + 'ret');
})`;

test('what nobody caught is logged with an id and without its message, counted, and ends nothing', async () => {
  const database = await createDatabase();
  const gateway = startProcess({
    DATABASE_URL: database.url,
    CACHE_ENABLED: 'false',
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(FAULT)}`,
  });
  const address = await gateway.address;
  const metric = async (): Promise<string | undefined> =>
    /^concierge_uncaught_errors_total (\d+)$/m.exec(await (await fetch(`${address}/metrics`)).text())?.[1];
  gateway.kill('SIGUSR2');
  await until('two errors to be counted', metric, (count) => count === '2');
  const response = await fetch(`${address}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ customers { totalCount } }' }),
  });
  expect(await response.json()).toMatchObject({ data: { customers: { totalCount: 0 } } });
  const entries = gateway
    .stdout()
    .split('\n')
    .filter((line) => line.includes('nobody caught'));
  const logged = entries.map((line) => JSON.parse(line) as { err: { type: string }; errorId: string });
  expect(new Set(logged.map(({ err }) => err.type))).toEqual(new Set(['Error', 'TypeError']));
  expect(new Set(logged.map(({ errorId }) => errorId)).size).toBe(2);
  expect(gateway.stdout()).not.toContain('secret');
  gateway.kill('SIGTERM');
  expect(await gateway.ended).toMatchObject({ code: 0, stderr: '' });
  await database.drop();
});
