import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { type GatewayProcess, startProcess } from '../cli/gateway-process.ts';
import { untilRedisUp } from '../support/gateway.ts';
import { pause } from '../support/patience.ts';
import { createSoak } from '../support/soak.ts';
import { startOwnServers, type OwnServers } from '../support/servers.ts';

const { again, goesOn, isSoak, report } = createSoak('churn');
const CLIENTS = 8;
const NEAR_BYTES = 2_000_000;
/** Of Redis: less than what is stored in a minute. */
const REDIS_BYTES = 16_000_000;
const SAMPLE_MS = 1_000;
/** So many times, so that its response is stored, kept in memory, and known. */
const TIMES = 4;

let servers: OwnServers;
let redis: Redis;
let gateway: GatewayProcess;
let address: string;
beforeAll(async () => {
  servers = await startOwnServers();
  await seedDatabase({ databaseUrl: servers.database.url, customers: 500, ordersPerCustomer: 2, seed: 1 });
  redis = new Redis(servers.redis.url);
  await redis.config('SET', 'maxmemory', REDIS_BYTES, 'maxmemory-policy', 'allkeys-lru');
  gateway = startProcess({
    DATABASE_URL: servers.database.url,
    REDIS_URL: servers.redis.url,
    CACHE_NEAR_BYTES: String(NEAR_BYTES),
    LIMIT_COST_PER_MINUTE: '0',
    NODE_OPTIONS: '--max-old-space-size=256',
  });
  address = await gateway.address;
  await untilRedisUp({ url: address });
});
afterAll(async () => {
  gateway.kill('SIGTERM');
  await gateway.ended;
  redis.disconnect();
  await servers.close();
});

/** Two kinds of new requests: other documents, and one document with other variables. */
function newRequest(number: number): object {
  const to = new Date(Date.UTC(2100, 0, 1) + number).toISOString();
  const fields = 'nodes { id name email createdAt orders(first: 2) { nodes { number status } } }';
  if (number % 2 === 0)
    return { query: `query Page${number} { customers(first: 20, filter: {createdAt: {to: "${to}"}}) { ${fields} } }` };
  const query = `query Page($to: DateTime!) { customers(first: 20, filter: {createdAt: {to: $to}}) { ${fields} } }`;
  return { query, variables: { to } };
}

async function metrics(): Promise<(name: string) => number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  return (name) =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

const memoryMegabytes = (): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) / 1_024;

const median = (values: readonly number[]): number =>
  Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);

test('ever new requests take no more memory than they may', async () => {
  let [number, answered] = [0, 0];
  const wrong: string[] = [];
  const results = new Map<string | null, number>();
  const done = new AbortController();
  const client = async (): Promise<void> => {
    while (!done.signal.aborted) {
      const body = JSON.stringify(newRequest((number += 1)));
      for (let time = 0; time < TIMES; time += 1) {
        const headers = { 'content-type': 'application/json', 'x-tenant': String(number) };
        const response = await fetch(`${address}/graphql`, { method: 'POST', headers, body });
        const text = await response.text();
        const result = response.headers.get('x-cache');
        results.set(result, (results.get(result) ?? 0) + 1);
        if (!text.startsWith('{"data":{"customers"')) wrong.push(text);
        answered += 1;
      }
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));
  const samples: { readonly memory: number; readonly kept: number }[] = [];
  const most = { near: 0, known: 0, kept: 0 };
  let evicted = 0;
  while (goesOn(evicted > 200 && answered > 5_000)) {
    await pause(SAMPLE_MS);
    const metric = await metrics();
    const [near, known, kept] = [
      metric('concierge_cache_near_bytes'),
      metric('concierge_http_known_bytes'),
      metric('concierge_kept_bytes'),
    ];
    most.near = Math.max(most.near, near);
    most.known = Math.max(most.known, known);
    most.kept = Math.max(most.kept, kept);
    evicted = metric('concierge_cache_near_evictions_total{reason="size"}');
    samples.push({ memory: memoryMegabytes(), kept: (near + known + kept) / 1_048_576 });
  }
  done.abort();
  await clients;
  const later = samples.slice(samples.length / 2).map(({ memory, kept }) => memory - kept);
  const [third, last] = [median(later.slice(0, later.length / 2)), median(later.slice(later.length / 2))];
  const top = Math.round(Math.max(...samples.map(({ memory }) => memory)));
  report(`${number} requests, each ${TIMES} times: ${JSON.stringify(Object.fromEntries(results))}`);
  report(`bytes at most: ${JSON.stringify(most)}; ${evicted} responses left the memory for others`);
  report(
    `memory in MB without what is kept: third quarter ${third}, last quarter ${last} (medians); most, with it, ${top}`,
  );
  expect({ again, wrong }).toEqual({ again, wrong: [] });
  expect(most.near).toBeLessThanOrEqual(NEAR_BYTES);
  expect(most.known).toBeLessThanOrEqual(8 * 1_048_576);
  expect(most.kept).toBeLessThanOrEqual(64 * 1_048_576);
  // In the suite, the process is still growing.
  if (isSoak) expect(last).toBeLessThan(1.1 * third);
});
