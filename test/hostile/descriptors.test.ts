import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startProcess, type GatewayProcess } from '../cli/gateway-process.ts';
import { ask } from '../http/ask.ts';
import { PATIENT } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';
import { connectRaw, type RawClient } from './raw-client.ts';

const QUERY = `/graphql?query=${encodeURIComponent('{ customers { totalCount } }')}`;

let database: TestDatabase;
let gateway: GatewayProcess;
const idle: RawClient[] = [];
beforeAll(async () => {
  database = await createDatabase();
  const settings = { ...PATIENT, DATABASE_URL: database.url, CACHE_ENABLED: 'false' };
  gateway = startProcess(settings, { openFiles: 300 });
});
afterAll(async () => {
  for (const { socket } of idle) socket.destroy();
  gateway.kill('SIGKILL');
  await gateway.ended;
  await database.drop();
});

test('when idle connections would use up the open files, the oldest are closed, and requests are answered', async () => {
  const address = await gateway.address;
  for (let i = 0; i < 600; i += 1) idle.push(await connectRaw(Number(new URL(address).port)));
  await Promise.all(idle.slice(0, 300).map(({ closed }) => closed));
  for (let i = 0; i < 20; i += 1)
    expect((await ask(`${address}${QUERY}`, { connection: 'close' })).body.toString()).toBe(
      '{"data":{"customers":{"totalCount":0}}}',
    );
  const metrics = (await ask(`${address}/metrics`)).body.toString();
  expect(Number(/^concierge_http_connections_cut_total\{reason="idle"\} (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(
    300,
  );
  expect(metrics).not.toMatch(/^concierge_http_connections_cut_total\{reason="full"\}/m);
  const lines = await until(
    'the log to say so',
    () => gateway.stdout(),
    (text) => text.includes('longest idle'),
  );
  expect(lines).toContain('allows fewer connections than LIMIT_CONNECTIONS');
  expect(lines.match(/longest idle/g)).toHaveLength(1);
});
