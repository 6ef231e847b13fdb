import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { startProcess, type GatewayProcess } from '../cli/gateway-process.ts';
import { ask } from '../http/ask.ts';
import { PATIENT } from '../support/gateway.ts';
import { until } from '../support/patience.ts';
import { createDatabase, type TestDatabase } from '../support/servers.ts';

/** Far more than what lives at any time: garbage is collected when the test says so, and never during a request. */
const YOUNG_MEGABYTES = 64;

let database: TestDatabase;
let gateway: GatewayProcess;
beforeAll(async () => {
  database = await createDatabase();
  await seedDatabase({ databaseUrl: database.url, customers: 100, ordersPerCustomer: 5, seed: 1 });
  const collector = pathToFileURL(join(import.meta.dirname, 'collect-garbage.ts')).href;
  const youngSizes = ['min', 'max'].map((bound) => `--${bound}-semi-space-size=${YOUNG_MEGABYTES}`);
  // Otherwise V8 collects old objects, too, when there is time.
  const nodeFlags = ['--expose-gc', '--no-memory-reducer', ...youngSizes, '--import', collector];
  gateway = startProcess({ ...PATIENT, DATABASE_URL: database.url, CACHE_ENABLED: 'false' }, { nodeFlags });
  await gateway.address;
});
afterAll(async () => {
  gateway.kill('SIGTERM');
  await gateway.ended;
  await database.drop();
});

const QUERY = `query ($to: DateTime!) {
  customers(first: 50, filter: { createdAt: { to: $to } }) { nodes { id name email status createdAt } }
}`;

async function send(address: string, number: number): Promise<void> {
  const body = JSON.stringify({ query: QUERY, variables: { to: new Date(4e12 + number).toISOString() } });
  const { status } = await ask(`${address}/graphql`, { 'content-type': 'application/json' }, { method: 'POST', body });
  expect(status).toBe(200);
}

test('what belongs to a request is young garbage once it is over', async () => {
  const address = await gateway.address;
  const metrics = async () => {
    const text = (await ask(`${address}/metrics`)).body.toString();
    const metric = (name: string) =>
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1];
    const collections = (kind: string) => Number(metric(`nodejs_gc_duration_seconds_count{kind="${kind}"}`) ?? 0);
    return {
      oldBytes: Number(metric('nodejs_heap_space_size_used_bytes{space="old"}')),
      minor: collections('minor'),
      major: collections('major'),
    };
  };
  const collect = async () => {
    const { minor } = await metrics();
    gateway.kill('SIGUSR2');
    return until('young garbage to be collected', metrics, (now) => now.minor > minor);
  };
  let sent = 0;
  // What survives the second time is old: the collections that end this are not for the requests after it.
  const sendMany = async (count: number) => {
    for (const end = sent + count; sent < end; sent += 1) {
      await send(address, sent);
      if (sent % 20 === 0) await collect();
    }
    await collect();
    return collect();
  };
  const before = await sendMany(200);
  const after = await sendMany(400);
  // A response and its rows take 20,000 (2026-11-29).
  expect((after.oldBytes - before.oldBytes) / 400).toBeLessThan(10_000);
  expect(after.major).toBe(before.major);
});
