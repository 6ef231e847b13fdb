import { expect, test } from '@jest/globals';
import { startProcess, type GatewayProcess } from '../cli/gateway-process.ts';
import { until } from '../support/patience.ts';
import { createDatabase } from '../support/servers.ts';

/** Makes a process throw, and then reject, where nobody catches it. */
const FAULT = `process.on('SIGUSR2', () => {
  Promise.reject(new Error('sec' + 'ret'));
  throw new TypeError('sec' + 'ret');
})`;

interface Served {
  readonly gateway: GatewayProcess;
  readonly metric: (name: string) => Promise<number>;
  readonly ask: () => Promise<unknown>;
}

/** Runs something with a gateway, and stops it. */
async function withGateway(work: (served: Served) => Promise<void>, fault = FAULT): Promise<void> {
  const database = await createDatabase();
  const gateway = startProcess({
    DATABASE_URL: database.url,
    CACHE_ENABLED: 'false',
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fault)}`,
  });
  const address = await gateway.address;
  const metric = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(await (await fetch(`${address}/metrics`)).text())?.[1]);
  const ask = async (): Promise<unknown> => {
    const response = await fetch(`${address}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ customers { totalCount } }' }),
    });
    return response.json();
  };
  await work({ gateway, metric, ask });
  gateway.kill('SIGTERM');
  expect(await gateway.ended).toMatchObject({ code: 0, stderr: '' });
  await database.drop();
}

const ANSWERED = { data: { customers: { totalCount: 0 } } };

test('an uncaught error is logged with an id and without its message, counted, and does not end the gateway', async () => {
  await withGateway(async ({ gateway, metric, ask }) => {
    gateway.kill('SIGUSR2');
    await until(
      'two errors to be counted',
      () => metric('concierge_uncaught_errors_total'),
      (count) => count === 2,
    );
    expect(await ask()).toMatchObject(ANSWERED);
    const entries = gateway
      .stdout()
      .split('\n')
      .filter((line) => line.includes('uncaught error'));
    const logged = entries.map((line) => JSON.parse(line) as { err: { type: string }; errorId: string });
    expect(new Set(logged.map(({ err }) => err.type))).toEqual(new Set(['Error', 'TypeError']));
    expect(new Set(logged.map(({ errorId }) => errorId)).size).toBe(2);
    expect(gateway.stdout()).not.toContain('secret');
  });
});

test('a log that nobody reads any more does not end the gateway, and is not logged as an error', async () => {
  await withGateway(async ({ gateway, metric, ask }) => {
    gateway.stopReading();
    gateway.kill('SIGUSR2');
    await until(
      'lines that could not be printed to be counted',
      () => metric('concierge_unprinted_lines_total'),
      (count) => count >= 2,
    );
    for (let asked = 0; asked < 20; asked += 1) expect(await ask()).toMatchObject(ANSWERED);
    expect(await metric('concierge_uncaught_errors_total')).toBe(2);
  });
});

test('a warning of Node.js is a line of the log', async () => {
  const fault = "process.on('SIGUSR2', () => process.emitWarning('from a test', 'TimeoutNegativeWarning'))";
  await withGateway(async ({ gateway }) => {
    gateway.kill('SIGUSR2');
    const line = await until('the line', () =>
      gateway
        .stdout()
        .split('\n')
        .find((one) => one.includes('TimeoutNegativeWarning')),
    );
    expect(JSON.parse(line ?? '')).toMatchObject({
      level: 40,
      warning: 'TimeoutNegativeWarning',
      msg: 'Node.js warns of something',
    });
  }, fault);
});
