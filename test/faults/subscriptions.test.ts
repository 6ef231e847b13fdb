import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { seedDatabase } from '../../src/data/seed/seed-database.ts';
import { rowOf } from '../mutations/writing-gateway.ts';
import { CHANGED, subscribe, type EventReader, type StreamedEvent } from '../subscriptions/event-reader.ts';
import { startGateway, type TestGateway, untilRedisUp } from '../support/gateway.ts';
import { until, within } from '../support/patience.ts';
import { startOwnServers, withConnection, type OwnServers } from '../support/servers.ts';
import { redisFaults } from './redis-faults.ts';
import { startSilentProxy } from './silent-proxy.ts';

const UPDATE = 'mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { userErrors { code } } }';

let servers: OwnServers;
let control: Redis;
let first: TestGateway;
let second: TestGateway;
let id: string;
let turn = 0;
const streams: EventReader[] = [];

beforeAll(async () => {
  servers = await startOwnServers();
  await seedDatabase({ databaseUrl: servers.database.url, customers: 30, ordersPerCustomer: 1, seed: 1 });
  control = new Redis(servers.redis.url);
  control.on('error', () => undefined);
  [first, second] = [await start(), await start()];
  id = (await first.data('{ customers(first: 1) { nodes { id } } }')).customers.nodes[0].id;
});
afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});
afterAll(async () => {
  control.disconnect();
  await Promise.all([first.close(), second.close()]);
  await servers.close();
});

const start = (redisUrl = servers.redis.url) => startGateway({ databaseUrl: servers.database.url, redisUrl });

async function watch(gateway: TestGateway) {
  const stream = await subscribe(gateway.url, CHANGED, { variables: { id } });
  streams.push(stream);
  return { stream, first: await stream.next() };
}

/** Subscribes and waits until changes through other gateways are reported: at once, unless Redis is slow. */
async function watchLive(gateway: TestGateway): Promise<EventReader> {
  const { stream, first: before } = await watch(gateway);
  if (stateIn(before) !== 'LIVE') await stream.until((event) => stateIn(event) === 'LIVE');
  return stream;
}

const stateIn = ({ data }: StreamedEvent) => data.extensions.stream.state;
const companyIn = ({ data }: StreamedEvent) => data.data.customerChanged.company;
const unique = () => `Company ${(turn += 1)}`;
const write = async (gateway: TestGateway, company = unique()) => {
  expect((await gateway.data(UPDATE, { input: { id, company } })).updateCustomer.userErrors).toEqual([]);
  return company;
};

/** How many listening connections were lost, or failed to open. */
const lostEars = async (gateway: TestGateway): Promise<number> => {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(/^concierge_redis_failures_total\{purpose="subscribe",reason="CLOSED"\} (\d+)$/m.exec(text)?.[1] ?? 0);
};

const rowId = () => rowOf(id);
/** Makes gateways read the customer, as if another one had written. */
const hear = () => control.publish(`concierge:customer:${rowId()}`, 'another');

describe('a subscription whose Redis', () => {
  const faults = redisFaults(
    () => servers.redis,
    () => control,
  );

  test.each(faults.filter(({ name }) => /killed|hangs|no more clients/.test(name)))(
    '$name says so, still reports changes through its own gateway, and continues when Redis is back',
    async ({ name, cause, mend }) => {
      const stream = await watchLive(first);
      await cause();
      try {
        // A Redis that accepts no more clients has dropped its existing ones, except subscribers.
        if (name.startsWith('takes')) await control.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
        await stream.until((event) => stateIn(event) === 'INTERRUPTED');
        const here = await write(first);
        const local = await stream.until((event) => companyIn(event) === here);
        expect(local.map(stateIn).at(-1)).toBe('INTERRUPTED');
        const missed = await write(second);
        // A subscription that starts meanwhile reports this at once.
        const late = await watch(first);
        expect([stateIn(late.first), companyIn(late.first)]).toEqual(['INTERRUPTED', missed]);
      } finally {
        await mend();
      }
      const back = await Promise.all(streams.map((one) => one.until((event) => stateIn(event) === 'LIVE')));
      // Not from the cache, which may hear later of what was written meanwhile.
      const shown = await first.request('query($id: ID!) { customer(by: {id: $id}) { company } }', {
        variables: { id },
        headers: { 'cache-control': 'no-cache' },
      });
      expect(back.map((events) => events.map(companyIn).at(-1))).toEqual(back.map(() => shown.data.customer.company));
      const after = await write(second);
      for (const one of streams) await one.until((event) => stateIn(event) === 'LIVE' && companyIn(event) === after);
    },
  );

  test('silently loses the connection says so within 5 s', async () => {
    const proxy = await startSilentProxy(Number(new URL(servers.redis.url).port));
    const behind = await start(`redis://127.0.0.1:${proxy.port}`);
    try {
      const stream = await watchLive(behind);
      proxy.silence();
      await within(5_000, 'the news', () => stream.until((event) => stateIn(event) === 'INTERRUPTED'));
      await stream.until((event) => stateIn(event) === 'LIVE');
    } finally {
      await behind.close();
      await proxy.close();
    }
  });

  test('missed a write reports it once Redis is back: other gateways learn of it late', async () => {
    // Only the writer cannot reach Redis.
    const proxy = await startSilentProxy(Number(new URL(servers.redis.url).port));
    const writer = await start(`redis://127.0.0.1:${proxy.port}`);
    try {
      await untilRedisUp(writer);
      const stream = await watchLive(first);
      proxy.silence();
      const company = await write(writer);
      const told = await stream.until((event) => companyIn(event) === company);
      expect(new Set(told.map(stateIn))).toEqual(new Set(['LIVE']));
    } finally {
      await writer.close();
      await proxy.close();
    }
  });

  test('is down at start says so, and listens to it once it is up', async () => {
    await servers.redis.kill();
    const late = await start();
    try {
      const { stream, first: before } = await watch(late);
      expect(stateIn(before)).toBe('INTERRUPTED');
      await servers.redis.start();
      await stream.until((event) => stateIn(event) === 'LIVE');
      const company = await write(second);
      await stream.until((event) => companyIn(event) === company);
    } finally {
      await late.close();
    }
  });

  test('was down says and logs that once, and once that it is back', async () => {
    const stream = await watchLive(first);
    const from = first.logLines.length;
    await servers.redis.kill();
    await stream.until((event) => stateIn(event) === 'INTERRUPTED');
    const losses = await lostEars(first);
    await until(
      'more tries to listen',
      () => lostEars(first),
      (count) => count >= losses + 2,
    );
    await servers.redis.start();
    // That it was in vain is no news.
    const shown = await stream.until((event) => stateIn(event) === 'LIVE');
    expect(shown.map(stateIn)).toEqual(['LIVE']);
    const messages = first.logLines.slice(from).map((line) => JSON.parse(line).msg as string);
    const told = messages.filter((message) => message.includes('subscriptions'));
    const turns = [
      'Redis is down; subscriptions report changes made through other gateways late',
      'Redis is back; subscriptions report changes made through every gateway',
    ];
    // A busy machine may add a short outage of its own.
    expect(told.length).toBeGreaterThanOrEqual(2);
    expect(told).toEqual(told.map((_, i) => turns[i % 2]));
  });
});

describe('a subscription without Redis', () => {
  test('says that it reports only changes made through its own gateway', async () => {
    const alone = await startGateway({ databaseUrl: servers.database.url });
    try {
      const { stream, first: before } = await watch(alone);
      expect(stateIn(before)).toBe('LOCAL');
      const company = await write(alone);
      expect(companyIn(await stream.next())).toBe(company);
    } finally {
      await alone.close();
    }
  });
});

describe('a subscription whose database', () => {
  test('is down says so, and shows what was missed once the database is back', async () => {
    const { stream } = await watch(first);
    await servers.database.kill();
    await hear();
    const failed = await stream.until((event) => event.data.errors !== undefined);
    expect(failed.at(-1)?.data.errors[0].extensions.code).toBe('SERVICE_UNAVAILABLE');
    await servers.database.start();
    const company = unique();
    // Nobody is notified of this.
    await withConnection(servers.database.url, (connection) =>
      connection.query('UPDATE customers SET company = ? WHERE id = ?', [company, rowId()]),
    );
    await stream.until((event) => event.data.errors === undefined && companyIn(event) === company);
  });

  test('exceeds the time limit of a request says so, and shows the result once it does not', async () => {
    const hurried = await startGateway({
      databaseUrl: servers.database.url,
      redisUrl: servers.redis.url,
      settings: { LIMIT_REQUEST_MS: '1000' },
    });
    try {
      const { stream } = await until(
        'a first event in time',
        () => watch(hurried),
        ({ first: shown }) => shown.data.errors === undefined,
      );
      await withConnection(servers.database.url, async (connection) => {
        await connection.query('LOCK TABLES customers WRITE');
        await hear();
        const failed = await stream.until((event) => event.data.errors !== undefined);
        expect(failed.at(-1)?.data.errors).toMatchObject([{ extensions: { code: 'TIMEOUT' } }]);
        const company = unique();
        await connection.query('UPDATE customers SET company = ? WHERE id = ?', [company, rowId()]);
        await connection.query('UNLOCK TABLES');
        const shown = await stream.until((event) => event.data.errors === undefined);
        expect(shown.map(companyIn).at(-1)).toBe(company);
      });
    } finally {
      await hurried.close();
    }
  });
});
