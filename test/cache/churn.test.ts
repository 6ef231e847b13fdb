import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { type GatewayProcess, startProcess } from '../cli/gateway-process.ts';
import { untilRedisUp } from '../support/gateway.ts';
import { pause } from '../support/patience.ts';
import { nodeId } from '../support/seeded.ts';
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
const CUSTOMERS = 500;
/** Of all requests, one in so many is a write, which invalidates every response so far: each shows a list of customers. */
const READS_PER_WRITE = 50;
/** How long ago, in requests, that was asked which is asked again after a write: kept in memory, and no longer fresh. */
const AGAIN = 20;
/** Of the log of writes, which Redis trims by whole nodes of a hundred. */
const LOG_ENTRIES = 20_000 + 100;

let servers: OwnServers;
let redis: Redis;
let gateway: GatewayProcess;
let address: string;
beforeAll(async () => {
  servers = await startOwnServers();
  await seedDatabase({ databaseUrl: servers.database.url, customers: CUSTOMERS, ordersPerCustomer: 2, seed: 1 });
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

/** Returns what is wrong with the answer. */
async function write(number: number): Promise<string[]> {
  const query = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';
  const input = { id: nodeId('Customer', 1 + (number % CUSTOMERS)), company: `Company ${number}` };
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ query, variables: { input } });
  const text = await (await fetch(`${address}/graphql`, { method: 'POST', headers, body })).text();
  return text === '{"data":{"updateCustomer":{"userErrors":[]}}}' ? [] : [text];
}

/** What Redis has: bytes, entries of the log of writes, gateways that answer from memory, and keys without an end. */
async function redisNow() {
  const [memory, keyspace] = [await redis.info('memory'), await redis.info('keyspace')];
  const [, keys = 0, expires = 0] = /keys=(\d+),expires=(\d+)/.exec(keyspace) ?? [];
  return {
    redis: Number(/^used_memory_dataset:(\d+)/m.exec(memory)?.[1]),
    log: await redis.xlen('concierge:invalidations'),
    registry: await redis.hlen('concierge:near'),
    endless: Number(keys) - Number(expires),
  };
}
/** Clients that ask and write until it is over. */
function startClients() {
  let [number, answered, written] = [0, 0, 0];
  const wrong: string[] = [];
  const results: Record<string, number> = {};
  const done = new AbortController();
  const ask = async (of: number): Promise<void> => {
    const headers = { 'content-type': 'application/json', 'x-tenant': String(of) };
    const body = JSON.stringify(newRequest(of));
    const response = await fetch(`${address}/graphql`, { method: 'POST', headers, body });
    const text = await response.text();
    const result = response.headers.get('x-cache') ?? 'none';
    results[result] = (results[result] ?? 0) + 1;
    if (!text.startsWith('{"data":{"customers"')) wrong.push(text);
    answered += 1;
  };
  const client = async (): Promise<void> => {
    while (!done.signal.aborted) {
      const own = (number += 1);
      for (let time = 0; time < TIMES; time += 1) await ask(own);
      if (answered < READS_PER_WRITE * (written + 1)) continue;
      written += 1;
      wrong.push(...(await write(written)));
      await ask(Math.max(1, own - AGAIN));
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));
  return {
    wrong,
    answered: () => answered,
    async end() {
      done.abort();
      await clients;
      return { number, written, results };
    },
  };
}

const NAMES = {
  near: 'concierge_cache_near_bytes',
  known: 'concierge_http_known_bytes',
  kept: 'concierge_kept_bytes',
  evicted: 'concierge_cache_near_evictions_total{reason="size"}',
  invalidated: 'concierge_cache_near_evictions_total{reason="invalidated"}',
} as const;

/** What the gateway and Redis keep, and the memory in MB of the gateway, without what it keeps. */
async function sample() {
  const metric = await metrics();
  const { near, known, kept, evicted, invalidated } = NAMES;
  const bytes = { near: metric(near), known: metric(known), kept: metric(kept) };
  const keptMegabytes = (bytes.near + bytes.known + bytes.kept) / 1_048_576;
  return {
    memory: memoryMegabytes(),
    rest: memoryMegabytes() - keptMegabytes,
    evicted: metric(evicted),
    invalidated: metric(invalidated),
    ...bytes,
    ...(await redisNow()),
  };
}
type Sample = Awaited<ReturnType<typeof sample>>;

test('ever new requests, and writes among them, take no more memory than they may', async () => {
  const clients = startClients();
  const samples: Sample[] = [];
  const most = (of: keyof Sample): number => Math.round(Math.max(0, ...samples.map((one) => one[of])));
  while (goesOn(most('evicted') > 200 && clients.answered() > 5_000)) {
    await pause(SAMPLE_MS);
    samples.push(await sample());
  }
  const { number, written, results } = await clients.end();
  const later = samples.slice(samples.length / 2).map(({ rest }) => rest);
  const [third, last] = [median(later.slice(0, later.length / 2)), median(later.slice(later.length / 2))];
  const keys = ['near', 'known', 'kept', 'redis', 'log', 'registry', 'endless', 'evicted', 'invalidated'] as const;
  const found = Object.fromEntries(keys.map((key) => [key, most(key)]));
  report(`${number} requests, each ${TIMES} times, and ${written} writes: ${JSON.stringify(results)}`);
  report(`at most: ${JSON.stringify(found)}`);
  report(
    `memory in MB without what is kept: third quarter ${third}, last quarter ${last} (medians); most, with it, ${most('memory')}`,
  );
  expect({ again, wrong: clients.wrong }).toEqual({ again, wrong: [] });
  expect(most('near')).toBeLessThanOrEqual(NEAR_BYTES);
  expect(most('known')).toBeLessThanOrEqual(8 * 1_048_576);
  expect(most('kept')).toBeLessThanOrEqual(64 * 1_048_576);
  expect(most('redis')).toBeLessThanOrEqual(REDIS_BYTES);
  expect(most('log')).toBeGreaterThan(50);
  expect(most('log')).toBeLessThanOrEqual(LOG_ENTRIES);
  // The name of the registry, and this gateway.
  expect(most('registry')).toBeLessThanOrEqual(2);
  // The log and the registry, between the command that makes one and that which gives it an end.
  expect(most('endless')).toBeLessThanOrEqual(2);
  // In the suite, the process is still growing.
  if (isSoak) expect(last).toBeLessThan(1.1 * third);
});
