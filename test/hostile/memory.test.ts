import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startProcess, type GatewayProcess } from '../cli/gateway-process.ts';
import { ask } from '../http/ask.ts';
import { PATIENT } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';

const holdMemory = pathToFileURL(join(import.meta.dirname, 'hold-memory.ts')).href;

let database: TestDatabase;
let gateway: GatewayProcess;
beforeAll(async () => {
  database = await createDatabase();
  const settings = { ...PATIENT, DATABASE_URL: database.url, CACHE_ENABLED: 'false' };
  gateway = startProcess({ ...settings, NODE_OPTIONS: `--max-old-space-size=256 --import ${holdMemory}` });
});
afterAll(async () => {
  gateway.kill('SIGKILL');
  await gateway.ended;
  await database.drop();
});

test('while the heap is nearly full, GraphQL requests are refused, and handled again when it is not', async () => {
  const address = await gateway.address;
  const headers = { accept: 'application/graphql-response+json' };
  const query = () => ask(`${address}/graphql?query=${encodeURIComponent('{ customers { totalCount } }')}`, headers);
  expect((await query()).status).toBe(200);
  gateway.kill('SIGUSR2');
  const refused = await until('a refusal', query, ({ status }) => status !== 200);
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
  expect(refused.body.toString()).toBe(
    '{"errors":[{"message":"The gateway is short of memory; send the request again later.","extensions":{"code":"SERVICE_UNAVAILABLE"}}]}',
  );
  expect((await ask(`${address}/health/live`)).status).toBe(200);
  const metrics = (await ask(`${address}/metrics`)).body.toString();
  expect(metrics).toMatch(/^concierge_http_requests_refused_total\{limit="memory"\} [1-9]/m);
  gateway.kill('SIGUSR2');
  await until('requests to be handled again', query, ({ status }) => status === 200);
  expect(gateway.stdout().match(/Memory is short|There is enough memory again/g)).toEqual([
    'Memory is short',
    'There is enough memory again',
  ]);
});
